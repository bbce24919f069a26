//go:build !linux

package gitstore

import "syscall"

// lowerPriority lets everything else have the processor first.
func lowerPriority(group int) { _ = syscall.Setpriority(syscall.PRIO_PGRP, group, 19) }
