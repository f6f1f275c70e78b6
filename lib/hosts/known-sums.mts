// Checksums of large files on a host, recorded there with what `stat` says of each file: while a file has the same
// inode, size and time of change, it is not read again. POSIX shell, run as root.

/**
 * The identity of the file in $f: device, inode, size, and when its content, owner or mode was changed last (ctime), in
 * nanoseconds. No program sets that time: a file of the same size with its old mtime set back has another.
 */
const identity = `stat -Lc %d:%i:%s:%.9Z "$f"`

/**
 * Reads the files of $@ and records their checksums. Nothing of it ends a script: without a record every look reads the
 * files. A file that has changed within the last second, or while it was read, is left out: another change could leave it
 * the same times.
 * @param record path of the record on the host
 */
export const recordSums = (record: string): string => `record() (
  umask 077
  r=${record}
  : >"$r.new" || return 0
  for f; do
    [ -f "$f" ] || continue
    is=$(${identity})
    [ $(($(date +%s) - $(stat -Lc %Z "$f"))) -gt 1 ] || sleep 2
    [ $(($(date +%s) - $(stat -Lc %Z "$f"))) -gt 1 ] || continue
    sum=$(sha256sum <"$f" | cut -d' ' -f1)
    [ "$is" != "$(${identity})" ] || echo "$sum $is;" >>"$r.new"
  done
  mv -f "$r.new" "$r"
)
record "$@" 2>/dev/null || :
`

/**
 * Prints a line for each of these paths: its sha256, mode and owner, or `none`. Kept short: every install sends it. The
 * semicolon keeps the identity of a file that is gone by then, an empty one, from matching.
 * @param record path of the record on the host; undefined: every file is read
 */
export const lookAt = (
  paths: readonly string[],
  record?: string,
): string => `${isOwn(record)}while read -r f; do
if [ -e "$f" ]; then
${record === undefined ? '' : `s=$(grep -m1 -F " $(${identity});" $r) || `}s=$(sha256sum <"$f")
echo "\${s%% *} $(stat -c '%04a %U' "$f")"
else echo none; fi
done <<'PATHS'
${paths.join('\n')}
PATHS`

/** A record is believed that only this user, root, may have written: `stat` says of a link that all may write it. */
const isOwn = (record: string | undefined): string =>
  record === undefined
    ? ''
    : `r=${record}
[ -O $r ] && [ "$(stat -c %a $r)" = 600 ] || r=/dev/null
`
