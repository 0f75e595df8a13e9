package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"
)

// longestPath is what operating systems allow too. Without it a folder that links to itself has no end.
const longestPath = 4096

// kind is what lies at a path.
type kind int

const (
	nothing kind = iota
	file
	folder
)

// place is what lies at a path, and where that really is after all links.
type place struct {
	kind kind
	real string
}

// entry is a name in a folder.
type entry struct {
	name     string
	isFolder bool
}

// content is the answer to a reading; found is false where there is no such file.
type content struct {
	data  []byte
	found bool
}

// treeFile is a file beneath a folder that was asked for as a whole; path is relative to that folder.
type treeFile struct {
	path string
	data []byte
}

// tree is the exported tree as one request sees it: the parent's answers, each asked for once, and the overlay over
// them. Paths are relative to its root, cleaned; "" is the root.
type tree struct {
	parent  *wire
	overlay map[string]string
	refused error // the parent's reason to end the request

	contents map[string]content
	names    map[string][]entry
	places   map[string]place
}

// cleaned gives a path the form in which the parent is asked, and refuses one that would leave the tree.
func cleaned(given string) (string, error) {
	clean := path.Clean(given)
	switch {
	case clean == "." || clean == "/":
		return "", nil
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return "", fmt.Errorf("the path %s leads out of the repository", given)
	}
	return strings.TrimPrefix(clean, "/"), nil
}

// read returns the contents of a file.
func (t *tree) read(path string) ([]byte, bool) {
	if text, ok := t.overlay[path]; ok {
		return []byte(text), true
	}
	known, ok := t.contents[path]
	if !ok {
		answer, payload := t.ask('R', path, "F")
		known = content{data: payload, found: answer == 'F'}
		remember(&t.contents, path, known)
	}
	return known.data, known.found
}

// list returns the names in a folder in lexical order; false where there is no such folder.
func (t *tree) list(path string) ([]entry, bool) {
	known, ok := t.names[path]
	if !ok {
		known = t.withOverlay(path, t.listed(path))
		remember(&t.names, path, known)
	}
	return known, known != nil
}

func (t *tree) listed(path string) []entry {
	answer, payload := t.ask('L', path, "D")
	if answer != 'D' {
		return nil
	}
	var told [][2]any
	if err := json.Unmarshal(payload, &told); err != nil {
		fail(fmt.Errorf("the names in %s cannot be read: %w", path, err))
	}
	entries := make([]entry, 0, len(told))
	for _, one := range told {
		name, _ := one[0].(string)
		isFolder, _ := one[1].(bool)
		entries = append(entries, entry{name, isFolder})
	}
	return entries
}

func (t *tree) withOverlay(path string, entries []entry) []entry {
	seen := map[string]bool{}
	for _, one := range entries {
		seen[one.name] = true
	}
	for file := range t.overlay {
		rest, ok := below(path, file)
		if !ok {
			continue
		}
		if name, _, isFolder := strings.Cut(rest, "/"); !seen[name] {
			seen[name] = true
			entries = append(entries, entry{name, isFolder})
		}
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].name < entries[j].name })
	return entries
}

// below returns the path of a file relative to a folder that it lies in.
func below(folder, file string) (string, bool) {
	if folder == "" {
		return file, true
	}
	return strings.CutPrefix(file, folder+"/")
}

// look returns what lies at a path.
func (t *tree) look(path string) place {
	if _, ok := t.overlay[path]; ok {
		return place{file, path}
	}
	known, ok := t.places[path]
	if !ok {
		answer, payload := t.ask('K', path, "FD")
		known = place{map[byte]kind{'F': file, 'D': folder}[answer], string(payload)}
		if known.kind == nothing && t.overlaid(path) {
			known = place{folder, path}
		}
		remember(&t.places, path, known)
	}
	return known
}

// overlaid tells whether the overlay has a file beneath a path.
func (t *tree) overlaid(path string) bool {
	for file := range t.overlay {
		if _, ok := below(path, file); ok {
			return true
		}
	}
	return false
}

// all returns everything beneath a folder.
func (t *tree) all(path string) ([]treeFile, bool) {
	answer, payload := t.ask('T', path, "T")
	if answer != 'T' {
		return nil, false
	}
	var files []treeFile
	for len(payload) > 0 {
		name, rest := counted(payload)
		data, rest := counted(rest)
		files = append(files, treeFile{string(name), data})
		payload = rest
	}
	return files, true
}

// counted cuts off the part that follows its own length.
func counted(payload []byte) (part, rest []byte) {
	if len(payload) < 4 {
		fail(errors.New("a folder's files were cut short"))
	}
	size := binary.BigEndian.Uint32(payload)
	if payload = payload[4:]; uint64(len(payload)) < uint64(size) {
		fail(errors.New("a folder's files were cut short"))
	}
	return payload[:size:size], payload[size:]
}

// ask returns the parent's answer, one of the expected kinds or N. A refusal ends the request: it goes up through the
// engine as a panic, because engines take an unreadable file for a missing one.
func (t *tree) ask(question byte, path, expected string) (byte, []byte) {
	if len(path) > longestPath {
		t.refuse(fmt.Errorf("the path is longer than %d bytes: %s ...", longestPath, path[:200]))
	}
	answer, payload := t.parent.ask(question, path)
	switch {
	case answer == 'X':
		t.refuse(errors.New(string(payload)))
	case answer != 'N' && !strings.ContainsRune(expected, rune(answer)):
		fail(fmt.Errorf("the question %c was answered with a frame of kind %q", question, answer))
	}
	return answer, payload
}

// refuse ends the request with an error that no engine may hide.
func (t *tree) refuse(err error) {
	if t.refused == nil {
		t.refused = err
	}
	panic(t.refused)
}

func remember[V any](memory *map[string]V, path string, value V) {
	if *memory == nil {
		*memory = map[string]V{}
	}
	(*memory)[path] = value
}
