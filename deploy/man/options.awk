# What `yagura check --options` prints, as a manual page.
function plain(s) {
    gsub(/\\/, "\\e", s)
    gsub(/-/, "\\-", s)
    return (s ~ /^[.']/ ? "\\\\&" : "") s
}

BEGIN {
    print ".TH YAGURA\\-OSSEC.CONF 5\n.SH NAME\nyagura\\-ossec.conf \\- the configuration of Yagura"
    print ".SH DESCRIPTION\nOSSEC's own file, read as it is, with a section more for each stage."
    print "%ETC%, %STATE%, %LOG% and %RUN% in a path stand for the directories of"
    print ".BR yagura (1).\n.SH SECTIONS"
}
/^</       { at = index($0, ": "); print ".SS " plain(substr($0, 1, at - 1)); print plain(substr($0, at + 2)); next }
/^      /  { sub(/^ +/, ""); print ".br"; print plain($0); next }
/^  [^ ]+ \(.*; default / {
             print ".TP\n.B " plain($1); sub(/^ +[^ ]+ /, ""); print plain($0); next }
/^  /      { sub(/^ +/, ""); print ".PP"; print plain($0) }
END        { print ".SH SEE ALSO\n.BR yagura (1)" }
