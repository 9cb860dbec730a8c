# Runs the program of an app so that it can be ended by a line on standard input, of which it sees nothing:
# asked by the first, made to by the second. When standard input ends, whoever keeps the app is gone, and
# it is ended.
exec 3<&0
trap : TERM INT
{
  trap '' TERM INT
  IFS= read -r line && kill -TERM 0 && IFS= read -r line
  kill -KILL 0
} <&3 >/dev/null 2>&1 &
listener=$!
"$@" </dev/null 3<&-
code=$?
kill -KILL "$listener" 2>/dev/null
exit "$code"
