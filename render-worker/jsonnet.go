package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/google/go-jsonnet"
)

// crashed is what go-jsonnet puts before a stack trace of its own code.
const crashed = "(CRASH) "

// variable is an external variable or top-level argument: `["text", is it code]`.
type variable struct {
	text   string
	isCode bool
}

// UnmarshalJSON reads the pair.
func (v *variable) UnmarshalJSON(data []byte) error {
	pair := []any{&v.text, &v.isCode}
	return json.Unmarshal(data, &pair)
}

// evaluateJsonnet returns the JSON of a file, with go-jsonnet's own limit of 500 nested calls.
func evaluateJsonnet(files *tree, wanted *request) ([]byte, error) {
	main, err := cleaned(wanted.Path)
	if err != nil {
		return nil, err
	}
	if _, found := files.read(main); !found {
		return nil, fmt.Errorf("the file %s is not in the repository", main)
	}
	machine := jsonnet.MakeVM()
	machine.SetTraceOut(io.Discard)
	machine.Importer(&importer{tree: files, libs: wanted.Libs, given: map[string]jsonnet.Contents{}})
	for name, value := range wanted.Ext {
		set := machine.ExtVar
		if value.isCode {
			set = machine.ExtCode
		}
		set(name, value.text)
	}
	for name, value := range wanted.TLA {
		set := machine.TLAVar
		if value.isCode {
			set = machine.TLACode
		}
		set(name, value.text)
	}
	output, err := machine.EvaluateFile(main)
	if err == nil {
		return []byte(output), nil
	}
	if crash, ok := strings.CutPrefix(err.Error(), crashed); ok {
		first, _, _ := strings.Cut(crash, "\n")
		return nil, fmt.Errorf("the engine failed: %s", first)
	}
	return nil, errors.New(strings.TrimRight(err.Error(), "\n"))
}

// importer finds files as go-jsonnet's command line does: beside the importing file first, then in the libraries, the
// last one first.
type importer struct {
	tree  *tree
	libs  []string
	given map[string]jsonnet.Contents // the same contents must be the same value each time
}

// Import returns the file and where it was found.
func (i *importer) Import(from, wanted string) (jsonnet.Contents, string, error) {
	folders := []string{path.Dir(from)}
	if path.IsAbs(wanted) {
		folders = nil // there is nothing outside of the tree
	}
	for at := len(i.libs) - 1; at >= 0 && folders != nil; at-- {
		folders = append(folders, i.libs[at])
	}
	for _, folder := range folders {
		found, err := cleaned(path.Join(folder, wanted))
		if err != nil {
			continue
		}
		if known, ok := i.given[found]; ok {
			return known, found, nil
		}
		if data, ok := i.tree.read(found); ok {
			i.given[found] = jsonnet.MakeContentsRaw(data)
			return i.given[found], found, nil
		}
	}
	return jsonnet.Contents{}, "",
		fmt.Errorf("couldn't open import %#v: no match locally or in the Jsonnet library paths", wanted)
}
