# Installs libmonipy for C and C++: make install PREFIX=/usr/local DESTDIR=
# Included by the Makefile at the top.
PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=
# `release` or `dev`: the profile to build and install.
PROFILE ?= release
# What is built; the tests build the whole workspace anyway and say so.
PACKAGES ?= -p monipy-ffi

.PHONY: install
install: ## Installs libmonipy, its headers, its pkg-config file and its CMake package (PREFIX, DESTDIR).
	$(CARGO) build --locked $(PACKAGES) --profile $(PROFILE)
	monipy-ffi/packaging/install.sh "$(PROFILE)" "$(PREFIX)" "$(LIBDIR)" "$(DESTDIR)"

.PHONY: uninstall
uninstall: ## Takes away what install has put there (PREFIX, DESTDIR).
	rm -f "$(DESTDIR)$(PREFIX)/include/monipy.h" "$(DESTDIR)$(PREFIX)/include/monipy.hpp"
	rm -f "$(DESTDIR)$(PREFIX)/$(LIBDIR)"/libmonipy.so* "$(DESTDIR)$(PREFIX)/$(LIBDIR)/libmonipy.a"
	rm -f "$(DESTDIR)$(PREFIX)/$(LIBDIR)/pkgconfig/monipy.pc"
	rm -rf "$(DESTDIR)$(PREFIX)/$(LIBDIR)/cmake/monipy" "$(DESTDIR)$(PREFIX)/share/doc/monipy"
