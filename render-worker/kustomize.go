package main

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/openapi/kubernetesapi"
)

// What kustomize says where it would start a program that is not there.
const wantedGit = "no 'git' program on path"

var errHelmCharts = errors.New("helmCharts are rendered with --enable-helm only: " +
	"set it in kustomize.buildOptions of the ConfigMap argocd-cm, or by --kustomize-options")

// kustomize returns what `kustomize build` prints for a folder. What it wants from elsewhere must have been fetched.
func kustomize(files *tree, wanted *request) (output []byte, err error) {
	folder, err := cleaned(wanted.Path)
	if err != nil {
		return nil, err
	}
	if files.overlay, err = cleanedOverlay(wanted.Overlay); err != nil {
		return nil, err
	}
	options := krusty.MakeDefaultOptions()
	options.PluginConfig.HelmConfig.Enabled = wanted.EnableHelm
	if wanted.Reorder != "none" {
		options.Reorder = krusty.ReorderOptionUnspecified // sortOptions of the kustomization, else the legacy order
	}
	if !wanted.LoadRestrictions {
		options.LoadRestrictions = types.LoadRestrictionsNone
	}
	running = newBuild(files, wanted)
	defer func() {
		if running.wanted != nil { // then nothing else counts, not even a crash: it may come of what is left out
			_ = recover()
			output, err = nil, &missingRemotes{running.wanted}
		}
		running = nil
	}()
	defer forgetSchema()
	start := filepath.Join(running.roots[0].name, folder)
	objects, err := krusty.MakeKustomizer(options).Run(treeFiles{running}, start)
	if ownSchema() && schemaUsed {
		openapi.ResetOpenAPI()
		objects, err = krusty.MakeKustomizer(options).Run(treeFiles{running}, start)
	}
	if err != nil {
		return nil, running.explained(err)
	}
	if output, err = objects.AsYaml(); err != nil {
		return nil, running.explained(err)
	}
	return running.told(output)
}

// schemaUsed tells whether kustomize may have loaded the Kubernetes schema, which it keeps for the whole process. A
// kustomization with an openapi field wants that field's schema alone: it is built once more with nothing loaded.
var schemaUsed bool

// ownSchema tells whether a kustomization of this request brought a schema with it.
func ownSchema() bool { return openapi.GetSchemaVersion() != kubernetesapi.DefaultOpenAPI }

// forgetSchema keeps one request's schema from the next one, which may be another tenant's: kustomize does not.
func forgetSchema() {
	schemaUsed = true
	if ownSchema() {
		openapi.ResetOpenAPI()
		schemaUsed = false
	}
}

func cleanedOverlay(given map[string]string) (map[string]string, error) {
	overlay := make(map[string]string, len(given))
	for name, text := range given {
		clean, err := cleaned(name)
		if err != nil {
			return nil, err
		}
		overlay[clean] = text
	}
	return overlay, nil
}

// explained gives an error the paths that a person knows, and no address in our memory.
func (b *build) explained(err error) error {
	text := err.Error()
	if strings.Contains(text, errHelmCharts.Error()) {
		return errHelmCharts
	}
	if strings.Contains(text, wantedGit) {
		return remote("a Git repository that is named by way of a merged or generated entry")
	}
	return errors.New(withoutPassword(withoutAddresses(b.plain(text))))
}

var (
	address     = regexp.MustCompile(`\(?0x[0-9a-f]{6,}\)?`)
	emptySpaces = regexp.MustCompile(` {2,}`)
)

// withoutAddresses drops what Go prints of a structure with pointers in it.
func withoutAddresses(text string) string {
	if !address.MatchString(text) {
		return text
	}
	var kept strings.Builder
	for {
		before, after, found := strings.Cut(text, "&{")
		if !found {
			break
		}
		end, depth := len(after), 1
		for at, letter := range after {
			if letter == '{' {
				depth++
			} else if letter == '}' {
				depth--
			}
			if depth == 0 {
				end = at + 1
				break
			}
		}
		kept.WriteString(before)
		if dump := after[:end]; !address.MatchString(dump) {
			kept.WriteString("&{" + dump)
		}
		text = after[end:]
	}
	kept.WriteString(text)
	told := address.ReplaceAllString(kept.String(), "")
	return strings.ReplaceAll(emptySpaces.ReplaceAllString(told, " "), " : ", ": ")
}
