// The render worker: kustomize, Helm, go-jsonnet, Go templates and Helm's version constraints behind one pipe.
//
// It reads requests on its standard input and answers on its standard output. Whatever an engine wants to read, the
// worker asks its parent for on the same pipe: after its start it opens neither files nor connections (confine.go).
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// Collecting garbage less often saves a fifth of a request's time for 30 MiB; GOMEMLIMIT still bounds the heap.
const gcPercent = 400

const endBytes = 8 << 10 // what is kept of each end of a long message

// versions is what the worker tells of itself at its start. They are read from go.mod when the program is built.
type versions struct {
	Protocol  int    `json:"protocol"`
	Kustomize string `json:"kustomize"`
	Helm      string `json:"helm"`
	Jsonnet   string `json:"jsonnet"`
}

func main() {
	greeting, err := json.Marshal(ownVersions())
	if err != nil {
		fail(err)
	}
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(string(greeting))
		return
	}
	debug.SetGCPercent(gcPercent)
	parent := newWire(os.Stdin, os.Stdout)
	os.Stdout = os.Stderr // an engine that prints must not break the frames
	if err := confine(); err != nil {
		fail(err)
	}
	if err := takeOverCharts(); err != nil {
		fail(err)
	}
	parent.send('H', greeting)
	for {
		kind, payload := parent.receive()
		if kind != 'Q' {
			fail(fmt.Errorf("expected a request (Q), got a frame of kind %q", kind))
		}
		serve(parent, payload)
	}
}

func ownVersions() versions {
	told := versions{Protocol: 1}
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		switch module.Path {
		case "sigs.k8s.io/kustomize/api":
			told.Kustomize = module.Version
		case "helm.sh/helm/v4":
			told.Helm = module.Version
		case "github.com/google/go-jsonnet":
			told.Jsonnet = module.Version
		}
	}
	return told
}

// fail ends the worker: the pipe or the parent is not what it should be, and no answer can be trusted any more.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "render worker:", err)
	os.Exit(1)
}

// request is one rendering; which fields count depends on the engine.
type request struct {
	Engine string `json:"engine"`
	Path   string `json:"path"`

	Overlay          map[string]string `json:"overlay"`
	LoadRestrictions bool              `json:"load_restrictions"`
	Reorder          string            `json:"reorder"`
	EnableHelm       bool              `json:"enable_helm"`
	Elsewhere        elsewhere         `json:"elsewhere"`

	Release              string      `json:"release"`
	Namespace            string      `json:"namespace"`
	Values               []string    `json:"values"`
	Set                  []string    `json:"set"`
	SetString            []string    `json:"set_string"`
	SetFile              [][2]string `json:"set_file"`
	KubeVersion          string      `json:"kube_version"`
	APIVersions          []string    `json:"api_versions"`
	IncludeCRDs          bool        `json:"include_crds"`
	SkipTests            bool        `json:"skip_tests"`
	SkipSchemaValidation bool        `json:"skip_schema_validation"`
	skipHooks            bool

	Libs []string            `json:"libs"`
	Ext  map[string]variable `json:"ext"`
	TLA  map[string]variable `json:"tla"`

	Template string         `json:"template"`
	Data     map[string]any `json:"data"`
	Options  []string       `json:"options"`

	Constraint string   `json:"constraint"`
	Versions   []string `json:"versions"`
}

// ending closes a request: an empty error for success.
type ending struct {
	Error   string       `json:"error"`
	Missing []dependency `json:"missing,omitempty"`

	Wanted []map[string]string `json:"wanted,omitempty"`
}

// serve carries out one request and tells its end, whatever happens in the engine.
func serve(parent *wire, payload []byte) {
	files := &tree{parent: parent}
	output, err := render(files, payload)
	end := ending{}
	if err != nil {
		end.Error = shortened(err.Error())
		if missing, ok := err.(*missingDependencies); ok {
			end.Missing = missing.missing
		}
		if missing, ok := err.(*missingRemotes); ok {
			end.Wanted = missing.wanted
		}
	} else {
		parent.output(output)
	}
	told, err := json.Marshal(end)
	if err != nil {
		fail(err)
	}
	parent.send('E', told)
}

// shortened cuts out the middle of a message: one of a template that includes itself repeats it a thousand times.
func shortened(message string) string {
	if len(message) <= 2*endBytes {
		return message
	}
	cut := message[:endBytes] + " ... " + message[len(message)-endBytes:]
	return strings.ToValidUTF8(cut, "")
}

// render runs the engine. A refusal of the parent ends the request even where the engine would have gone on without the
// file; a crash of the engine is its error.
func render(files *tree, payload []byte) (output []byte, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			err = fmt.Errorf("the engine failed: %v", crash)
		}
		if files.refused != nil {
			err = files.refused
		}
	}()
	var wanted request
	if err := json.Unmarshal(payload, &wanted); err != nil {
		return nil, fmt.Errorf("the request cannot be read: %w", err)
	}
	switch wanted.Engine {
	case "kustomize":
		return kustomize(files, &wanted)
	case "helm":
		return helm(files, &wanted)
	case "jsonnet":
		return evaluateJsonnet(files, &wanted)
	case "template":
		return executeTemplate(&wanted)
	case "versions":
		return matchingVersions(&wanted)
	}
	return nil, fmt.Errorf("unknown engine %q", wanted.Engine)
}
