trap '' HUP INT QUIT TERM
mark="^GREENROOM_UNIT=$1/"
shift
groups=" $* "
while read -r what group; do
    case $what in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="${groups%% "$group" *} ${groups#* "$group" }" ;; esac ;;
    esac
done
for group in $groups; do
    kill -9 "-$group"
done 2>/dev/null
if printf 'a\0b\0' | grep -qz '^b'; then
    marked() { grep -lsz "$mark" /proc/[0-9]*/environ; }
else
    marked() {
        for file in /proc/[0-9]*/environ; do
            tr '\0' '\n' <"$file" | grep -q "$mark" && echo "$file"
        done
    }
fi 2>/dev/null
pass=0
clean=0
while [ "$clean" -lt 2 ] && [ "$pass" -lt 50 ]; do
    pass=$((pass + 1))
    clean=$((clean + 1))
    for file in $(grep -Ls . /proc/[0-9]*/environ); do
        [ -e "${file%environ}exe" ] && clean=0
    done
    for file in $(marked); do
        process=${file#/proc/}
        process=${process%/environ}
        kill -9 "-$process"
        kill -9 "$process" && clean=0
    done
done 2>/dev/null
