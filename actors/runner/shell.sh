# Runs cells of the shell that share their state. Needs a POSIX shell and nothing else. The first line of
# standard input is the secret of whoever asks; the others are commands, handed on to the shell of the
# cells, or an interrupt. Only an interactive shell goes on after one.
IFS= read -r secret
exec 3<&0
trap : INT
{
  trap '' INT
  while IFS= read -r line <&3; do
    if [ "$line" = "$secret interrupt" ]; then kill -INT 0; else printf '%s\n' "$line"; fi
  done
  kill -KILL 0
} | {
  trap : INT
  ENV= PS1= PS2= sh -i 3<&-
  printf '\000%s.{"kind":"ended","exitCode":%d}\n' "$secret" "$?"
  kill -KILL 0
}
