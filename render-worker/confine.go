package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime/debug"
	"syscall"
	"time"
	_ "time/tzdata" // templates name time zones, and the machine's own cannot be opened
)

// A call too deep is fatal to a Go program. Here it is sooner than a request may fill the memory: no chart that renders
// comes near, and templates stop at a depth of 100,000 by themselves, in a tenth of this.
const deepestStack = 256 << 20

// confine takes from the process what no engine may use: environment, files, connections, programs.
//
// With no descriptor left to open, the kernel itself refuses every file, socket and pipe to a program, whichever
// library asks for it. Those that are open stay.
func confine() error {
	os.Clearenv()
	time.Local = time.UTC // as in a container, and without reading the machine's zone
	log.SetFlags(0)
	debug.SetMaxStack(deepestStack)
	http.DefaultTransport = noTransport{}
	if err := startPoller(); err != nil {
		return err
	}
	none := syscall.Rlimit{}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		return fmt.Errorf("cannot give up opening files: %w", err)
	}
	return nil
}

// startPoller makes Go's runtime open what it needs for itself, which it does at the first pipe.
func startPoller() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	if err := read.Close(); err != nil {
		return err
	}
	return write.Close()
}
