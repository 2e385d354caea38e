/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KTLS_H
#define KTLS_H

#include <linux/tls.h>
#include <stdbool.h>

#ifndef SOL_TLS
#define SOL_TLS	282
#endif

/* The kernel's TLS 1.3 for TLS_TX or TLS_RX, by a key that is all zeros; false: it has none, which was said. */
bool ktls_give_keys(int fd, int direction);

#endif
