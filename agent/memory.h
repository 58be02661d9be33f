/*
 * memory - stay small beside files that libraries map
 *
 * LMDB and libsystemd read their files through maps, and the kernel counts every page of these that
 * was near a read as ours until somebody else needs it.  On a host that is watched nobody should have to
 * ask, so the pages are handed back: the kernel keeps them as its cache, and reading one again is
 * a page fault.
 */
#ifndef AGENT_MEMORY_H
#define AGENT_MEMORY_H

/* Hand back what is resident of shared, read-only maps of files whose path ends so. */
void memory_forget(const char *ending);

#endif
