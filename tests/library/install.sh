#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A program outside the tree builds with pkg-config against what `make install` installs,
# shared and static, and runs; the shared library exports no private name.
# uz-test: timeout 240
# uz-test: no-asan it links the library without a sanitizer
# uz-test: no-tsan it links the library without a sanitizer
. "${UZ_ROOT:-.}/tests/lib/sh.sh"

need make cc pkg-config nm

install_to "$dir/usr"
export PKG_CONFIG_PATH=$dir/usr/lib/pkgconfig
cd "$dir"

# shellcheck disable=SC2046 # flags are words
cc "$UZ_ROOT/examples/cold_pages.c" $(pkg-config --cflags --libs uzram) -o shared
LD_LIBRARY_PATH=$dir/usr/lib expect 0 ./shared
expect_text "uzram $(pkg-config --modversion uzram)"

# shellcheck disable=SC2046
cc "$UZ_ROOT/examples/cold_pages.c" $(pkg-config --cflags uzram) usr/lib/libuzram.a \
	-llz4 -lzstd -ldeflate -ldl -pthread -o static 2>static.log || {
	# A distribution's shared liblz4 lacks the static API that libuzram.a needs.
	# shellcheck disable=SC2046
	cc "$UZ_ROOT/examples/cold_pages.c" $(pkg-config --cflags uzram) usr/lib/libuzram.a \
		-l:liblz4.a -lzstd -ldeflate -ldl -pthread -o static
}
expect 0 ./static
expect_text "20000 records"

# shellcheck disable=SC2046
expect 0 cc -static "$UZ_ROOT/examples/cold_pages.c" $(pkg-config --static --cflags --libs uzram) -o all_static
expect 0 ./all_static
expect_text "20000 records"

nm -D --defined-only usr/lib/libuzram.so | grep -v ' A ' >names
if grep -vE ' uz_[a-z]' names; then
	fail "names that are not public are exported"
fi
grep -q ' uz_ram_open@@UZRAM_0' names || fail "uz_ram_open has no version"

# What an installed header declares can be linked; a plugin defines its own two.
if cc -v 2>&1 | grep -q '^gcc version'; then
	(cd usr/include && printf "#include <%s>\n" uzram*.h uz/*.h) |
		cc -std=gnu11 -Iusr/include -aux-info declared -fsyntax-only -xc -
	sed -n 's|^/\* usr/include/.* \*/ extern [^(]*\b\(uz_[a-z0-9_]*\) (.*|\1|p' declared | sort -u >want
	[ "$(wc -l <want)" -gt 100 ] || fail "only $(wc -l <want) functions are declared"
	sed -n 's|.* \(uz_[a-z0-9_]*\)@.*|\1|p' names | sort -u >have
	missing=$(comm -23 want have | grep -v '_plugin_init$' || true)
	[ -z "$missing" ] || fail "declared in installed headers and not in the library: $missing"
fi

# Every installed header compiles by itself, and the library is one for C++ too.
for h in usr/include/uzram*.h usr/include/uz/*.h; do
	echo "#include <${h#usr/include/}>" | cc -std=c11 -pedantic -Wall -Wextra -Werror -Iusr/include \
		-fsyntax-only -xc - || fail "$h does not stand alone"
done
if command -v c++ >/dev/null; then
	for h in usr/include/uz/*.h; do
		printf '#include <uz/port.h>\nextern "C" {\n#include <%s>\n}\n' "${h#usr/include/}"
	done | c++ -std=c++11 -Wall -Wextra -Werror -Iusr/include -fsyntax-only -xc++ - || fail "headers in C++"
	cat >ram.cc <<-'END'
		#include <uzram.h>
		#include <uzram_grant.h>

		int main()
		{
			struct uz_ram_options o{};
			struct uz_client_grant g{};
			struct uz_dev_stats st;
			char page[4096] = "a page";
			struct uz_ram *ram;

			o.struct_size = sizeof(o);
			o.size_bytes = 1 << 20;
			if (uz_ram_open(&o, &ram, nullptr, 0) || uz_ram_write(ram, 0, page, sizeof(page)))
				return 1;
			uz_dev_stats(uz_ram_dev(ram), &st);
			uz_ram_close(ram);
			uz_client_grant_free(&g);
			return st.orig_data_size != sizeof(page);
		}
	END
	# shellcheck disable=SC2046
	c++ -std=c++11 -Wall -Wextra -Werror ram.cc $(pkg-config --cflags --libs uzram) -o ram
	LD_LIBRARY_PATH=$dir/usr/lib expect 0 ./ram
fi

# The units that are installed name the program that is installed, and systemd takes them.
grep -q "^ExecStart=$dir/usr/bin/uzram serve" usr/lib/systemd/system/uzram@.service || fail "ExecStart"
if command -v systemd-analyze >/dev/null; then
	for kind in service socket; do
		cp "usr/lib/systemd/system/uzram@.$kind" "uzram@x.$kind"
	done
	systemd-analyze verify --man=no ./uzram@x.service ./uzram@x.socket >units.log 2>&1 ||
		fail "systemd-analyze: $(cat units.log)"
	[ ! -s units.log ] || fail "systemd-analyze: $(cat units.log)"
fi

# The nbdkit plugin works from where it was installed.
plugin=usr/lib/nbdkit/plugins/nbdkit-uzram-plugin.so
if [ -e "$UZ_BUILD/nbdkit/uzram-nbdkit.so" ]; then
	[ -e "$plugin" ] || fail "the nbdkit plugin was not installed"
	if command -v nbdkit >/dev/null && command -v nbdinfo >/dev/null; then
		# shellcheck disable=SC2016 # nbdkit's variable
		expect 0 nbdkit -U - "./$plugin" size=8M ram=32M --run 'nbdinfo --size "$uri"'
		expect_text 8388608
	fi
fi

# What was installed goes again, and nothing else.
: >usr/lib/uzram/pool-mine.so
expect 0 make -C "$UZ_ROOT" BUILD="$dir/build" PREFIX="$dir/usr" uninstall
left=$(find usr ! -type d)
[ "$left" = usr/lib/uzram/pool-mine.so ] || fail "uninstall left: $left"
