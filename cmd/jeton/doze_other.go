//go:build !linux

package main

func dozeLonger() {}
