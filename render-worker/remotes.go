package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// mostWanted is how many things from elsewhere one answer names: the parent fetches fewer.
const mostWanted = 100

// mounted is a repository that the parent fetched: where it lies in the tree, and the folder in it that is meant.
type mounted struct {
	Root string `json:"root"`
	Path string `json:"path"`
}

// elsewhere is what the parent fetched for a build, by the URL that asked for it, and charts by their `chartKey`.
type elsewhere struct {
	Repositories map[string]mounted `json:"repositories"`
	Files        map[string][]byte  `json:"files"`
	Charts       map[string]string  `json:"charts"`
}

// missingRemotes is the error for what a build wants from elsewhere and was not given.
type missingRemotes struct{ wanted []map[string]string }

func (m *missingRemotes) Error() string {
	first := m.wanted[0]
	if first["kind"] == "chart" {
		return remote("chart " + first["name"] + " of " + withoutPassword(first["repo"])).Error()
	}
	return remote(withoutPassword(first["url"])).Error()
}

// root is a folder that kustomize sees: the tree itself, or a repository that was mounted into it.
type root struct{ name, within string }

// build is one request to kustomize: the files as it sees them, and what it wanted from elsewhere.
type build struct {
	tree   *tree
	asked  *request
	roots  []root // the tree's own first
	wanted []map[string]string
}

// running is the build of this request: kustomize makes its HTTP clients and generators itself.
var running *build

// newBuild gives every root its name. Where repositories are mounted, names are drawn by lot: a path in one of them that
// leads out of it can then name no other one, and not the tree.
func newBuild(files *tree, asked *request) *build {
	made := &build{tree: files, asked: asked, roots: []root{{treeRoot, ""}}}
	if len(asked.Elsewhere.Repositories) == 0 {
		return made
	}
	made.roots[0].name = lot()
	for _, one := range asked.Elsewhere.Repositories {
		if !slices.ContainsFunc(made.roots, func(r root) bool { return r.within == one.Root }) {
			made.roots = append(made.roots, root{lot(), one.Root})
		}
	}
	return made
}

func lot() string {
	return "/<" + strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36) + ">"
}

// plain takes the names of roots out of a message.
func (b *build) plain(text string) string {
	for _, one := range b.roots {
		way := `(?:(?:\.\./)+|/)` + regexp.QuoteMeta(one.name[1:])
		shown := "."
		if place, found := b.fetched(one); found {
			shown = withoutPassword(place.repo)
		} else {
			text = regexp.MustCompile(way+"/").ReplaceAllLiteralString(text, "")
		}
		text = regexp.MustCompile(way).ReplaceAllLiteralString(text, shown)
	}
	return text
}

// fetched returns which repository lies in a root; false for the tree's own.
func (b *build) fetched(one root) (repository, bool) {
	for address, place := range b.asked.Elsewhere.Repositories {
		if one.within != "" && place.Root == one.within {
			return parseRepository(address)
		}
	}
	return repository{}, false
}

// told gives the annotations of origin the form that they have where kustomize itself clones a repository.
func (b *build) told(output []byte) ([]byte, error) {
	if len(b.roots) == 1 {
		return output, nil
	}
	for _, one := range b.roots {
		if place, found := b.fetched(one); found {
			from := fmt.Sprintf("${1}repo: %s\n", withoutPassword(place.repo))
			if place.ref != "" {
				from += fmt.Sprintf("${1}ref: %s\n", place.ref)
			}
			way := `(?:\.\./)+` + regexp.QuoteMeta(one.name[1:]) + `/(.*)\n`
			path := regexp.MustCompile(`(?m)^( *)path: ` + way)
			output = path.ReplaceAll(output, []byte("${1}path: ${2}\n"+from))
			configured := regexp.MustCompile(`(?m)^( *)configuredIn: ` + way)
			output = configured.ReplaceAll(output, []byte(from+"${1}configuredIn: ${2}\n"))
		}
		if bytes.Contains(output, []byte(one.name[1:])) {
			return nil, errors.New("a file of its output is a kustomization.yaml with a remote base: give it another name")
		}
	}
	return output, nil
}

// want remembers something that the parent has to fetch.
func (b *build) want(thing map[string]string) {
	known := slices.ContainsFunc(b.wanted, func(other map[string]string) bool {
		return other["kind"] == thing["kind"] && wantedKey(other) == wantedKey(thing)
	})
	if !known && len(b.wanted) < mostWanted {
		b.wanted = append(b.wanted, thing)
	}
}

func wantedKey(thing map[string]string) string {
	if thing["kind"] == "chart" {
		return chartKey(thing["repo"], thing["name"], thing["version"], thing["devel"] == "true")
	}
	return thing["url"]
}

// The lists of a kustomization whose entries may be repositories. Files by URL are read in more places (RoundTrip).
var listsOfRoots = []string{"resources", "bases", "components", "generators", "transformers", "validators"}

// local returns a kustomization with the repositories that were fetched in the place of their URLs. Entries that are
// still to be fetched are left out, so that one run finds all of them.
func (b *build) local(folder string, text []byte) []byte {
	var document yaml.Node
	if !mayBeRemote(text) || yaml.Unmarshal(text, &document) != nil || len(document.Content) != 1 {
		return text
	}
	top := followed(document.Content[0])
	changed := false
	for at := 0; top.Kind == yaml.MappingNode && at+1 < len(top.Content); at += 2 {
		list := followed(top.Content[at+1])
		if !slices.Contains(listsOfRoots, top.Content[at].Value) || list.Kind != yaml.SequenceNode {
			continue
		}
		kept := make([]*yaml.Node, 0, len(list.Content))
		for _, entry := range list.Content {
			made := b.localEntry(folder, entry)
			changed = changed || made != entry
			if made != nil {
				kept = append(kept, made)
			}
		}
		list.Content = kept
	}
	if !changed {
		return text
	}
	written, err := yaml.Marshal(&document)
	if err != nil {
		return text
	}
	return written
}

func (b *build) localEntry(folder string, entry *yaml.Node) *yaml.Node {
	value := followed(entry)
	if value.Kind != yaml.ScalarNode {
		return entry
	}
	address := value.Value
	place, isGit := parseRepository(address)
	if !isGit && !isHTTP(address) {
		return entry
	}
	if _, known := b.asked.Elsewhere.Files[canonical(address)]; known {
		return entry
	}
	known, ok := b.asked.Elsewhere.Repositories[address]
	if !ok {
		b.want(map[string]string{
			"kind": "base", "url": address, "file": canonical(address),
			"repo": place.repo, "path": place.path, "ref": place.ref,
		})
		return nil
	}
	at := slices.IndexFunc(b.roots, func(r root) bool { return r.within == known.Root })
	relative, err := filepath.Rel(folder, filepath.Join(b.roots[at].name, known.Path))
	if err != nil {
		return entry
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: relative}
}

func followed(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

func mayBeRemote(text []byte) bool {
	return bytes.Contains(text, []byte("://")) || bytes.ContainsRune(text, '@') ||
		bytes.Contains(bytes.ToLower(text), []byte("github.com"))
}

func isKustomization(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), filepath.Base(name))
}

func isHTTP(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

// canonical is the form in which Go's HTTP client asks for a URL.
func canonical(address string) string {
	if parsed, err := url.ParseRequestURI(address); err == nil {
		return parsed.String()
	}
	return address
}

var password = regexp.MustCompile(`(://[^/@:]*):[^/@]*@`)

func withoutPassword(address string) string { return password.ReplaceAllString(address, "$1:xxxxx@") }

// noTransport answers kustomize's HTTP requests with what the parent fetched; nothing here reaches a network.
type noTransport struct{}

// RoundTrip gives an empty file for one that is still to be fetched, so that one run finds all of them.
func (noTransport) RoundTrip(wanted *http.Request) (*http.Response, error) {
	address := wanted.URL.String()
	if running == nil {
		return nil, remote(wanted.URL.Redacted())
	}
	data, known := running.asked.Elsewhere.Files[address]
	if !known {
		data = []byte("\n") // kustomize looks at the first byte of some files
		running.want(map[string]string{"kind": "file", "url": address})
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(data)), ContentLength: int64(len(data)), Request: wanted,
	}, nil
}

// remoteResource is the error for something that would have to be fetched.
type remoteResource struct{ url string }

func (r remoteResource) Error() string {
	return "remote resources are not fetched by the render worker: " + r.url
}

func remote(url string) error { return remoteResource{url} }
