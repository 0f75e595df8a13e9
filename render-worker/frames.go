package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	headerBytes = 5       // one byte of kind, four of length
	pieceBytes  = 1 << 20 // the most that one frame of output carries
)

// wire speaks frames with the parent. It ends the process when the parent is gone.
type wire struct {
	in  *bufio.Reader
	out *bufio.Writer
}

func newWire(in io.Reader, out io.Writer) *wire {
	return &wire{in: bufio.NewReaderSize(in, 1<<16), out: bufio.NewWriterSize(out, 1<<16)}
}

// send writes one frame and flushes.
func (w *wire) send(kind byte, payload []byte) {
	w.write(kind, payload)
	if err := w.out.Flush(); err != nil {
		fail(fmt.Errorf("the parent does not read: %w", err))
	}
}

// output sends the result in pieces; the end of the request flushes them.
func (w *wire) output(data []byte) {
	for len(data) > 0 {
		piece := data[:min(len(data), pieceBytes)]
		w.write('O', piece)
		data = data[len(piece):]
	}
}

func (w *wire) write(kind byte, payload []byte) {
	header := [headerBytes]byte{kind}
	binary.BigEndian.PutUint32(header[1:], uint32(len(payload)))
	for _, part := range [][]byte{header[:], payload} {
		if _, err := w.out.Write(part); err != nil {
			fail(fmt.Errorf("the parent does not read: %w", err))
		}
	}
}

// receive waits for the next frame.
func (w *wire) receive() (byte, []byte) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(w.in, header[:]); err != nil {
		if errors.Is(err, io.EOF) {
			os.Exit(0) // the parent has closed the pipe: the regular end
		}
		fail(fmt.Errorf("the parent stopped in a frame: %w", err))
	}
	payload := make([]byte, binary.BigEndian.Uint32(header[1:]))
	if _, err := io.ReadFull(w.in, payload); err != nil {
		fail(fmt.Errorf("the parent stopped in a frame: %w", err))
	}
	return header[0], payload
}

// ask sends a question about a path and waits for its answer.
func (w *wire) ask(kind byte, path string) (byte, []byte) {
	w.send(kind, []byte(path))
	return w.receive()
}
