(* Reads lines "dictionary input" (hexadecimal, "-" for nothing); writes "data consumed hex", "truncated" or "invalid". *)
let bytes_of text =
  if text = "-" then []
  else List.init (String.length text / 2) (fun i -> int_of_string ("0x" ^ String.sub text (2 * i) 2))

let hex l =
  let b = Buffer.create 4096 in
  List.iter (fun v -> Buffer.add_string b (Printf.sprintf "%02x" v)) l;
  if Buffer.length b = 0 then "-" else Buffer.contents b

let () =
  try
    while true do
      let line = input_line stdin in
      let cut = String.index line ' ' in
      let dictionary = bytes_of (String.sub line 0 cut) in
      let input = bytes_of (String.sub line (cut + 1) (String.length line - cut - 1)) in
      (match Oracle.inflate dictionary input with
       | Oracle.Data (data, consumed) -> Printf.printf "data %d %s\n" consumed (hex data)
       | Oracle.Truncated -> print_endline "truncated"
       | Oracle.Invalid -> print_endline "invalid");
      flush stdout
    done
  with End_of_file -> ()
