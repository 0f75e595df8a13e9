package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// treeRoot is where kustomize sees the tree. Its name is one that no path of a person has, so that it can be taken out
// of messages, and that an absolute path in a kustomization is told from one of ours.
const treeRoot = "/<tree>"

var errReadOnly = errors.New("the render worker writes no files")

// treeFiles is the tree, and all that is mounted into it, as kustomize's file system.
type treeFiles struct{ *build }

var _ filesys.FileSystem = treeFiles{}

// inTree returns the path in the tree of one that kustomize made.
func (f treeFiles) inTree(path string) (string, error) {
	clean := filepath.Clean(path)
	for _, one := range f.roots {
		if clean == one.name {
			return one.within, nil
		}
		if rest, ok := strings.CutPrefix(clean, one.name+"/"); ok {
			return filepath.Join(one.within, rest), nil
		}
	}
	return "", fmt.Errorf("the path %s leads out of the repository", path)
}

// seen returns the path under which kustomize sees one in the tree.
func (f treeFiles) seen(within string) string {
	for _, one := range f.roots[1:] {
		if rest, ok := below(one.within, within); ok {
			return filepath.Join(one.name, rest)
		}
		if within == one.within {
			return one.name
		}
	}
	return filepath.Join(f.roots[0].name, within)
}

func absent(path string) error {
	return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}

// CleanedAbs splits a path into the folder that it really lies in and its name; the name of a folder is "".
func (f treeFiles) CleanedAbs(path string) (filesys.ConfirmedDir, string, error) {
	within, err := f.inTree(path)
	if err != nil {
		return "", "", err
	}
	if within == "" {
		return filesys.ConfirmedDir(f.roots[0].name), "", nil
	}
	found := f.tree.look(within)
	real := f.seen(found.real)
	switch found.kind {
	case folder:
		return filesys.ConfirmedDir(real), "", nil
	case file:
		return filesys.ConfirmedDir(filepath.Dir(real)), filepath.Base(real), nil
	}
	return "", "", absent(path)
}

// Exists tells whether something lies at a path.
func (f treeFiles) Exists(path string) bool {
	_, _, err := f.CleanedAbs(path)
	return err == nil
}

// IsDir tells whether a folder lies at a path.
func (f treeFiles) IsDir(path string) bool {
	_, name, err := f.CleanedAbs(path)
	return err == nil && name == ""
}

// ReadFile returns the contents of a file.
func (f treeFiles) ReadFile(path string) ([]byte, error) {
	within, err := f.inTree(path)
	if err != nil {
		return nil, err
	}
	data, found := f.tree.read(within)
	if !found {
		return nil, absent(path)
	}
	if isKustomization(path) {
		return f.local(filepath.Dir(filepath.Clean(path)), data), nil
	}
	return data, nil
}

// ReadDir returns the names in a folder.
func (f treeFiles) ReadDir(path string) ([]string, error) {
	within, err := f.inTree(path)
	if err != nil {
		return nil, err
	}
	entries, found := f.tree.list(within)
	if !found {
		return nil, absent(path)
	}
	names := make([]string, 0, len(entries))
	for _, one := range entries {
		names = append(names, one.name)
	}
	return names, nil
}

// RemoveAll does nothing: kustomize clears up after a clone that was never made.
func (treeFiles) RemoveAll(string) error { return nil }

// What a build never needs is refused.

func (treeFiles) Create(string) (filesys.File, error)  { return nil, errReadOnly }
func (treeFiles) Mkdir(string) error                   { return errReadOnly }
func (treeFiles) MkdirAll(string) error                { return errReadOnly }
func (treeFiles) WriteFile(string, []byte) error       { return errReadOnly }
func (treeFiles) Open(string) (filesys.File, error)    { return nil, errors.ErrUnsupported }
func (treeFiles) Glob(string) ([]string, error)        { return nil, errors.ErrUnsupported }
func (treeFiles) Walk(string, filepath.WalkFunc) error { return errors.ErrUnsupported }
