#!/bin/sh
# deps.sh build|test - install what is missing of the Debian packages that building (and testing)
# needs.  Says what it installs; does nothing and says nothing when all is there.
set -eu

build='gcc libc6-dev make pkg-config libzmq3-dev libmsgpack-dev liblmdb-dev libpcre2-dev
       libsodium-dev libexpat1-dev libjansson-dev zlib1g-dev libsystemd-dev'
tests='libcmocka-dev clang libclang-rt-dev python3 python3-zmq python3-msgpack rsyslog bsdutils systemd'

case "${1:-}" in
build) want=$build ;;
test)  want="$build $tests" ;;
*)     echo "usage: deps.sh build|test" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "deps.sh: this is no Debian; these packages' counterparts must be there:" $want >&2
    exit 0
fi

missing=
for package in $want; do
    state=$(dpkg-query -W -f '${db:Status-Status} ' "$package" 2>/dev/null) || state=
    case " $state" in *" installed "*) ;; *) missing="$missing $package" ;; esac
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing from Debian's packages:$missing"
if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
    echo "deps.sh: there is no sudo here; as root: apt-get install$missing" >&2
    exit 1
fi

install() {
    $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $missing
}
install || { $sudo apt-get update -q && install; }
