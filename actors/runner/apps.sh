# Tells what an image knows of its apps; needs a POSIX shell and nothing else. Each line of ours begins with
# the first argument, which nobody knows: `ports TEXT`, `preopen TEXT`, `runtime TEXT`, `definition PATH` and
# the lines of that file, `program NAME` and `variable NAME` for those among the other arguments that are
# there. At last, each line on standard input is answered with `listening PORTS` (hexadecimal).
mark=$1
shift
say() { printf '%s %s %s\n' "$mark" "$1" "$2"; }
listening() {
  found=
  for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] || continue
    while read -r _ local _ state _; do
      [ "$state" = 0A ] && found="$found ${local##*:}"
    done <"$table"
  done
  say listening "$found"
}
if [ "${1-}" != ports-only ]; then
  say ports "${BACKENDAI_SERVICE_PORTS-}"
  say preopen "${BACKENDAI_PREOPEN_PORTS-}"
  say runtime "${ORRERY_RUNTIME_PATH-}"
  for file in /etc/backend.ai/service-defs/*.json; do
    [ -f "$file" ] && [ -r "$file" ] || continue
    say definition "$file"
    while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$file"
    printf '\n'
  done
  for name; do
    case $name in
      *=) eval "[ -n \"\${${name%=}+set}\" ]" && say variable "${name%=}" ;;
      *) command -v "$name" >/dev/null 2>&1 && say program "$name" ;;
    esac
  done
  say end ''
fi
while IFS= read -r _; do listening; done
