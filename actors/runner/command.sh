# Runs one command so that it can be interrupted by a line on standard input, of which it sees nothing.
# When standard input ends, whoever asked for the command is gone, and it is ended.
exec 3<&0
trap : INT
{
  trap '' INT
  while IFS= read -r line; do
    if [ "$line" = interrupt ]; then kill -INT 0; fi
  done
  kill -KILL 0
} <&3 >/dev/null 2>&1 &
listener=$!
sh -c "$1" </dev/null 3<&-
code=$?
kill -KILL "$listener" 2>/dev/null
exit "$code"
