package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
)

var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

// loadChart loads a folder or an archive of the tree. Rendering changes a chart: each request loads its own.
func loadChart(files *tree, given string) (*chart.Chart, error) {
	place, err := cleaned(given)
	if err != nil {
		return nil, err
	}
	load := chartFolder
	if strings.HasSuffix(place, ".tgz") || strings.HasSuffix(place, ".tar.gz") {
		load = chartArchive
	}
	parts, err := load(files, place)
	if err != nil {
		return nil, err
	}
	loaded, err := loader.LoadFiles(parts)
	if err != nil {
		return nil, err
	}
	if version := loaded.Metadata.APIVersion; version != chart.APIVersionV1 && version != chart.APIVersionV2 {
		return nil, fmt.Errorf("unsupported chart version: Chart.yaml of %s has apiVersion %s", place, version)
	}
	order(loaded)
	return loaded, nil
}

// order sorts the subcharts by name. Helm leaves them as a map gives them, and so prints their CRDs now so, now so.
func order(loaded *chart.Chart) {
	subcharts := slices.Clone(loaded.Dependencies())
	slices.SortStableFunc(subcharts, func(a, b *chart.Chart) int {
		return strings.Compare(a.Name()+" "+a.Metadata.Version, b.Name()+" "+b.Metadata.Version)
	})
	loaded.SetDependencies(subcharts...)
	for _, subchart := range subcharts {
		order(subchart)
	}
}

func chartArchive(files *tree, place string) ([]*archive.BufferedFile, error) {
	data, found := files.read(place)
	if !found {
		return nil, fmt.Errorf("path %q not found", place)
	}
	parts, err := archive.LoadArchiveFiles(bytes.NewReader(data))
	switch {
	case errors.Is(err, gzip.ErrHeader):
		return nil, fmt.Errorf("file '%s' does not appear to be a valid chart file (details: %w)", place, err)
	case err != nil:
		return nil, fmt.Errorf("unable to load chart archive %s: %w", place, err)
	}
	return parts, nil
}

// chartFolder reads a chart's files in the order of a walk through its folders, without what .helmignore names.
func chartFolder(files *tree, place string) ([]*archive.BufferedFile, error) {
	found, ok := files.all(place)
	if !ok {
		return nil, fmt.Errorf("path %q not found", place)
	}
	rules := ignore.Empty()
	for _, one := range found {
		if one.path == ignore.HelmIgnore {
			parsed, err := ignore.Parse(bytes.NewReader(one.data))
			if err != nil {
				return nil, err
			}
			rules = parsed
		}
	}
	rules.AddDefaults()
	slices.SortFunc(found, func(a, b treeFile) int {
		return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/"))
	})
	ignored := ignoring{rules: rules, folders: map[string]bool{".": false}}
	parts := make([]*archive.BufferedFile, 0, len(found))
	for _, one := range found {
		if ignored.folder(path.Dir(one.path)) || rules.Ignore(one.path, nameOnly{one.path, false}) {
			continue
		}
		if int64(len(one.data)) > archive.MaxDecompressedFileSize {
			return nil, fmt.Errorf("chart file %q is larger than the maximum file size %d",
				path.Base(one.path), archive.MaxDecompressedFileSize)
		}
		parts = append(parts, &archive.BufferedFile{Name: one.path, Data: bytes.TrimPrefix(one.data, byteOrderMark)})
	}
	return parts, nil
}

// ignoring remembers which folders .helmignore names: nothing beneath them is part of the chart.
type ignoring struct {
	rules   *ignore.Rules
	folders map[string]bool
}

func (i ignoring) folder(name string) bool {
	known, ok := i.folders[name]
	if !ok {
		known = i.folder(path.Dir(name)) || i.rules.Ignore(name, nameOnly{name, true})
		i.folders[name] = known
	}
	return known
}

// nameOnly is as much of a file as the rules of .helmignore look at.
type nameOnly struct {
	path     string
	isFolder bool
}

func (n nameOnly) Name() string       { return path.Base(n.path) }
func (n nameOnly) IsDir() bool        { return n.isFolder }
func (n nameOnly) Size() int64        { return 0 }
func (n nameOnly) Mode() fs.FileMode  { return 0 }
func (n nameOnly) ModTime() time.Time { return time.Time{} }
func (n nameOnly) Sys() any           { return nil }
