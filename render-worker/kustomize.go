package main

import (
	"errors"
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/openapi/kubernetesapi"
	"sigs.k8s.io/yaml"
)

// What kustomize says where it would start a program that is not there.
const (
	wantedGit  = "no 'git' program on path"
	wantedHelm = "must specify --enable-helm"
)

var errHelmCharts = errors.New("helmCharts are not rendered by kustomize in the render worker: " +
	"render the chart first and give its objects in place of helmCharts")

// remoteRepository matches what kustomize takes for a Git repository rather than for a folder.
var remoteRepository = regexp.MustCompile(`(?i)^(git::)?((ssh|https?|file)://|[a-z][a-z0-9-]*@|github\.com[/:])`)

var password = regexp.MustCompile(`(://[^/@:]*):[^/@]*@`)

// kustomize returns what `kustomize build` prints for a folder: plugins and helmCharts off, nothing fetched.
func kustomize(files *tree, wanted *request) ([]byte, error) {
	root, err := cleaned(wanted.Path)
	if err != nil {
		return nil, err
	}
	if files.overlay, err = cleanedOverlay(wanted.Overlay); err != nil {
		return nil, err
	}
	options := krusty.MakeDefaultOptions()
	if wanted.Reorder != "none" {
		options.Reorder = krusty.ReorderOptionUnspecified // sortOptions of the kustomization, else the legacy order
	}
	if !wanted.LoadRestrictions {
		options.LoadRestrictions = types.LoadRestrictionsNone
	}
	defer forgetSchema()
	objects, err := krusty.MakeKustomizer(options).Run(treeFiles{files}, treeRoot.Join(root))
	if ownSchema() && schemaUsed {
		openapi.ResetOpenAPI()
		objects, err = krusty.MakeKustomizer(options).Run(treeFiles{files}, treeRoot.Join(root))
	}
	if err != nil {
		return nil, explained(files, err)
	}
	return objects.AsYaml()
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

// explained puts a reason in the place of a message that speaks of programs which the worker does not have.
func explained(files *tree, err error) error {
	var fetched remoteResource
	switch text := err.Error(); {
	case errors.As(err, &fetched):
		return fetched
	case strings.Contains(text, wantedGit):
		return remote(firstRemote(files))
	case strings.Contains(text, wantedHelm):
		return errHelmCharts
	}
	return err
}

// firstRemote returns the URL for which kustomize wanted Git: its message does not always name it, so that it is looked
// up in the kustomizations that were read.
func firstRemote(files *tree) string {
	for _, text := range kustomizations(files) {
		var kustomization struct{ Resources, Bases, Components, Generators, Transformers, Validators []string }
		if yaml.Unmarshal(text, &kustomization) != nil {
			continue
		}
		for _, entries := range [][]string{
			kustomization.Resources, kustomization.Bases, kustomization.Components,
			kustomization.Generators, kustomization.Transformers, kustomization.Validators,
		} {
			for _, entry := range entries {
				if remoteRepository.MatchString(entry) {
					return password.ReplaceAllString(entry, "$1:xxxxx@")
				}
			}
		}
	}
	return "a Git repository"
}

func kustomizations(files *tree) [][]byte {
	var texts [][]byte
	add := func(name string, text []byte) {
		for _, recognized := range konfig.RecognizedKustomizationFileNames() {
			if path.Base(name) == recognized && len(text) > 0 {
				texts = append(texts, text)
			}
		}
	}
	for name, text := range files.overlay {
		add(name, []byte(text))
	}
	for name, read := range files.contents {
		add(name, read.data)
	}
	return texts
}
