"""A model that follows a script: `scripted/ANY` answers with the next command, for whichever shell tool it is offered.

The commands are a JSON list in SCRIPTED_COMMANDS, in the environment of whoever runs the agent. When they are used up
it says that it is done. A request without a shell tool (a title, a summary) gets a word. Each call uses 1,000 tokens in
and 100 out, unless SCRIPTED_USAGE says otherwise. What it is asked is appended to SCRIPTED_TRAFFIC, one JSON a line.
"""

import json
import os
import uuid
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageUser,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolCall, ToolChoice, ToolInfo

DEFAULTS = GenerateConfig()
SHELLS = ("Bash", "exec_command", "shell_command", "shell", "run_shell_command", "bash")


def call_of(tool: ToolInfo, command: str) -> ToolCall:
    """A call of this shell tool, by the names of its parameters."""
    properties = tool.parameters.properties
    arguments: dict[str, Any] = {}
    name = next(n for n in ("command", "cmd", "script") if n in properties)
    arguments[name] = ["bash", "-c", command] if properties[name].type == "array" else command
    if "description" in (tool.parameters.required or ()):
        arguments["description"] = "the next step"
    for waiting in ("yield_time_ms", "timeout_ms"):
        if waiting in properties:
            arguments[waiting] = 110_000
    return ToolCall(id=f"call_{uuid.uuid4().hex[:20]}", function=tool.name, arguments=arguments)


@modelapi(name="scripted")
def scripted() -> type[ModelAPI]:
    class Scripted(ModelAPI):
        def __init__(
            self,
            model_name: str,
            base_url: str | None = None,
            api_key: str | None = None,
            config: GenerateConfig = DEFAULTS,
            **model_args: Any,
        ) -> None:
            super().__init__(model_name, base_url, api_key, [], config)
            self.commands: list[str] = json.loads(os.environ.get("SCRIPTED_COMMANDS", "[]"))
            self.done = 0

        async def generate(
            self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
        ) -> ModelOutput:
            if error := os.environ.get("SCRIPTED_ERROR"):
                raise RuntimeError(error)
            by_name = {tool.name: tool for tool in tools}
            shell = next((by_name[name] for name in SHELLS if name in by_name), None)
            message = ChatMessageAssistant(content="Done.")
            stop: Any = "stop"
            if shell is not None:
                rounds = [m for m in input if isinstance(m, ChatMessageUser)]
                if self.done < len(self.commands):
                    command = self.commands[self.done]
                    self.done += 1
                    said = f"Step {self.done}."
                    message = ChatMessageAssistant(content=said, tool_calls=[call_of(shell, command)])
                    stop = "tool_calls"
                elif "submit" in by_name and rounds:
                    submit = ToolCall(id=f"call_{uuid.uuid4().hex}", function="submit", arguments={"answer": "done"})
                    message = ChatMessageAssistant(content="", tool_calls=[submit])
                    stop = "tool_calls"
            output = ModelOutput.from_message(message, stop_reason=stop)
            output.model = self.model_name
            used = json.loads(os.environ.get("SCRIPTED_USAGE", "[1000, 100]"))
            output.usage = (
                ModelUsage(input_tokens=used[0], output_tokens=used[1], total_tokens=sum(used)) if used else None
            )
            if traffic := os.environ.get("SCRIPTED_TRAFFIC"):
                with open(traffic, "a") as file:
                    row = {
                        "model": self.model_name,
                        "tools": [tool.name for tool in tools],
                        "max_tokens": config.max_tokens,
                        "input": [m.model_dump(mode="json") for m in input],
                        "output": output.model_dump(mode="json"),
                    }
                    file.write(json.dumps(row) + "\n")
            return output

    return Scripted
