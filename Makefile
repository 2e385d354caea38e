# SPDX-License-Identifier: GPL-2.0
#
# dmmigrate: `make` builds userland and the module into build/.
#
#   make userland | modules	one of them
#   make modules KDIR=DIR	against the kernel build tree DIR
#   make install DESTDIR=DIR	both; the module for KDIR's release
#   make demo			the main job, live, on two virtual hosts
#   make check			all tests, see CONTRIBUTING.md
#   make check-long		what takes too long for that
#   make check-model		the hand-over's model
#   make check-security		attacks on the channel, and who may what
#   make sim			the hand-over, simulated
#   make check-live		a disk moves while it is written to
#   make check-xen		two Xen hosts and their guests
#   make check-xen-long		the same, with those that take long
#   make demo-xen		one of them moves, with its disk, to watch
#   make mutants		can the tests fail: rules broken one at a time
#   make style			what a machine can say about style
#   make clean
#
# DMM_DEBUG=1 adds the stop points that tests use, DMM_MUTANT=n breaks a rule of
# the design on purpose (tests only), DMM_WERROR=1 makes warnings fatal.  W=, C=
# and CF= reach Kbuild as usual.

TOP := $(CURDIR)
BUILD := $(TOP)/build

.PHONY: all userland docs tools modules kunit-module bench-module demo bench check check-long check-live
.PHONY: check-model check-security check-xen check-xen-long demo-xen sim fuzz mutants style check-headers
.PHONY: install install-userland install-modules install-dkms uninstall dist clean
all: userland docs modules

mutant := $(if $(DMM_MUTANT),-mutant$(DMM_MUTANT))

# --- userland ---------------------------------------------------------------

userland:
	$(MAKE) -C userland O=$(BUILD)/userland$(if $(filter 1,$(DMM_DEBUG)),-debug)$(mutant) \
		DMM_DEBUG=$(DMM_DEBUG) DMM_MUTANT=$(DMM_MUTANT)

# after it: both build the library
docs: userland
	$(MAKE) -C userland O=$(BUILD)/userland docs

# what the tests run beside it
tools:
	$(MAKE) -C tests/tools OUT=$(BUILD)/tests/tools

# --- module -----------------------------------------------------------------

# Which kernel: the running one's build tree, else the newest Debian headers.
ifndef KDIR
KDIR := /lib/modules/$(shell uname -r)/build
ifeq ($(wildcard $(KDIR)/Makefile),)
KDIR := $(lastword $(shell ls -d /usr/src/linux-headers-*-amd64 2>/dev/null | sort -V))
kdir-note = , the newest headers installed (none for the running kernel)
endif
endif

# not kernel.release: Debian's 6.1 has the upstream version there
KRELEASE := $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' \
	$(KDIR)/include/generated/utsrelease.h 2>/dev/null)
KARCH := $(if $(shell grep -sx CONFIG_UML=y $(KDIR)/include/config/auto.conf),ARCH=um)
kvariant := $(KRELEASE)$(if $(filter 1,$(DMM_DEBUG)),-debug)$(mutant)
KOUT := $(BUILD)/kmod-$(kvariant)

# $(call kbuild,DIR,SOURCES,M,TARGET): a tree of symlinks to SOURCES in DIR, so that several
# kernels build side by side and incrementally, then Kbuild on DIR/M
define kbuild
	@mkdir -p $(1)
	@flock $(1)/.lock sh $(TOP)/scripts/mirror.sh $(TOP) $(1) $(2)
	@flock $(1)/.lock $(MAKE) -C $(KDIR) $(KARGS) $(KARCH) M=$(1)$(3) \
		DMM_DEBUG=$(DMM_DEBUG) DMM_MUTANT=$(DMM_MUTANT) DMM_WERROR=$(DMM_WERROR) $(4)
endef

modules:
	@test -n "$(KRELEASE)" || { echo "make: '$(KDIR)' is no kernel build tree:" \
		"install linux-headers-amd64 or give KDIR=" >&2; exit 1; }
	@case "$(DMM_MUTANT)" in *[!0-9]*) echo "make: DMM_MUTANT='$(DMM_MUTANT)' is no number" >&2; \
		exit 1 ;; esac
	@echo "modules: for $(KRELEASE) from $(KDIR)$(kdir-note)"
	$(call kbuild,$(KOUT),Kbuild kmod include,,modules)
	@ln -sfn kmod/dm-migrate.ko $(KOUT)/dm-migrate.ko

kunit-module:
	$(call kbuild,$(BUILD)/kunit-$(KRELEASE),kmod include tests/kunit tests/vectors,/tests/kunit,modules)

# for benchmarks: the same, as on several processors, and the loop that measures it
bench-module:
	$(call kbuild,$(BUILD)/bench-$(KRELEASE),kmod include tests/bench/kmod,/tests/bench/kmod,modules)

# --- tests ------------------------------------------------------------------

demo:
	@tests/demo/run

check:
	scripts/run-checks.sh

# what takes too long for that: can the tests fail, style, every kernel tree, both demos
check-long:
	scripts/run-long.sh

# Every order of events of a hand-over, within bounds, and every rule of it broken in turn.
check-model:
	@tests/model/run

# The C code of it against faults of every kind, from seeds.
sim:
	@tests/sim/run

# Who may what, and attacks on the channel: a part of `make check`, by itself.
check-security:
	$(MAKE) -s -C tests/unit all
	set -e; for t in lib_keys lib_peers lib_tls lib_relay recv_tls; do $(BUILD)/tests/unit/test_$$t; done
	set -e; for t in keys copy-tls attack flood; do tests/native/$$t.sh; done

# One claim, on both stock kernels: the move is live.  With DMM_MUTANT=n it must fail.
check-live:
	@status=0; for kernel in 6.1 6.12; do \
		DMM_MUTANT=$(DMM_MUTANT) tests/qemu/run --kernel $$kernel live || status=1; \
	done; exit $$status

# One of them moves, to watch.
demo-xen:
	@tests/xen/demo

# Guests, their memory and their disks, on two Xen hosts under emulation.  XEN="TEST ...": only those
check-xen:
	@tests/xen/run $(XEN)
check-xen-long:
	@tests/xen/run --long $(XEN)

# MUTANTS="N ...": only those
mutants:
	@scripts/mutants.sh $(MUTANTS)

# Every parser against what a fuzzer thinks of; `make check` does it for some seconds each.
fuzz:
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) tests/fuzz/run

# BENCH="NAME ...": only those
bench:
	@scripts/install-packages.sh --bench
	@tests/bench/run $(BENCH)

style:
	scripts/style.sh

# used by it: every header of the module compiles alone
check-headers:
	$(call kbuild,$(BUILD)/headers,kmod include,/check,modules)

# --- install ----------------------------------------------------------------

install: install-userland install-modules

# what tests are built with never reaches a host
ifneq ($(filter install install-userland install-modules,$(MAKECMDGOALS)),)
ifneq ($(DMM_MUTANT)$(filter 1,$(DMM_DEBUG)),)
$(error what is built with DMM_MUTANT= or DMM_DEBUG=1 is for tests and is not installed)
endif
endif

install-userland: userland
	$(MAKE) -C userland O=$(BUILD)/userland DESTDIR=$(DESTDIR) install

# depmod only on the live system: a package runs its own
install-modules: modules
	install -D -m 0644 $(KOUT)/kmod/dm-migrate.ko \
		$(DESTDIR)/lib/modules/$(KRELEASE)/updates/dm-migrate.ko
	$(if $(DESTDIR),,depmod $(KRELEASE))

# /usr/src: where DKMS looks, whatever PREFIX says
DKMSDIR = $(DESTDIR)/usr/src/dmmigrate-$(shell scripts/dist.sh --version)
install-dkms:
	install -d $(DKMSDIR)
	cp -R --no-preserve=ownership Kbuild dkms.conf kmod include LICENSES $(DKMSDIR)

uninstall:
	$(MAKE) -C userland DESTDIR=$(DESTDIR) uninstall
	rm -f $(DESTDIR)/lib/modules/$(KRELEASE)/updates/dm-migrate.ko
	rm -rf $(DKMSDIR)

dist:
	scripts/dist.sh

clean:
	rm -rf $(BUILD)
