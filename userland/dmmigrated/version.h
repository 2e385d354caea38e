/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receiver's version: --version, HELLO_OK, logs.
 */
#ifndef DMM_VERSION_H
#define DMM_VERSION_H

#define DMM_VERSION "0.1.0"

#endif
