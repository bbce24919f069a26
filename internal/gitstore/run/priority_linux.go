package run

import "syscall"

// lowerPriority lets everything else go first: the processor (nice 19) and the
// disk (the last of the best-effort class; the idle class could wait for ever).
// It is a wish: what the system refuses changes nothing.
func lowerPriority(group int) {
	const whoGroup, bestEffort, last = 2, 2 << 13, 7
	_ = syscall.Setpriority(syscall.PRIO_PGRP, group, 19)
	_, _, _ = syscall.Syscall(syscall.SYS_IOPRIO_SET, whoGroup, uintptr(group), bestEffort|last)
}
