// Package crash holds no code, only tests of what a push leaves behind when
// the server dies in the middle of it: killed between any two system calls,
// out of disk, or, since a kill proves no sync, with the order of its system
// calls written down.
package crash
