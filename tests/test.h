/* test - what every cmocka test includes, in the order that cmocka wants it */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

#endif
