//go:build !linux

package run

import "syscall"

// lowerPriority lets everything else have the processor first.
func lowerPriority(group int) { _ = syscall.Setpriority(syscall.PRIO_PGRP, group, 19) }
