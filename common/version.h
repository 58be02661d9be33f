/* version - of every program of this tree */
#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

#define YAGURA_VERSION "0.1.0"

#endif
