// Package crash holds no code, only tests of a server in a process of its own:
// of what a push leaves behind when it dies in the middle of it, killed between
// any two system calls, out of disk, or, since a kill proves no sync, with the
// order of its system calls written down; and of what it costs to be sent what
// is small on the way and large where it arrives.
package crash
