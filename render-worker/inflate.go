package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	_ "unsafe" // for go:linkname

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/kustomize/api/builtins" //nolint:staticcheck // the only public name of the generator that is replaced
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	sigsyaml "sigs.k8s.io/yaml"
)

// generatorFactories is kustomize's own table of the generators that it has built in.
//
//go:linkname generatorFactories sigs.k8s.io/kustomize/api/internal/plugins/builtinhelpers.GeneratorFactories
var generatorFactories map[int]func() resmap.GeneratorPlugin

// takeOverCharts puts our generator of `helmCharts` in the place of kustomize's own, which starts the program `helm`.
func takeOverCharts() error {
	for kind, factory := range generatorFactories {
		if _, ok := factory().(*builtins.HelmChartInflationGeneratorPlugin); ok {
			generatorFactories[kind] = func() resmap.GeneratorPlugin { return &chartGenerator{} }
			return nil
		}
	}
	return errors.New("this kustomize has no generator of helmCharts where it is looked for")
}

// chartGenerator is an entry of `helmCharts`, rendered by the Helm engine of this process.
type chartGenerator struct {
	helpers *resmap.PluginHelpers
	types.HelmGlobals
	types.HelmChart
}

// Config reads the entry. What the build says of the cluster holds where the entry says nothing.
func (g *chartGenerator) Config(helpers *resmap.PluginHelpers, config []byte) error {
	if !running.asked.EnableHelm {
		return errHelmCharts
	}
	g.helpers = helpers
	g.KubeVersion, g.ApiVersions = running.asked.KubeVersion, running.asked.APIVersions
	if err := sigsyaml.Unmarshal(config, g); err != nil {
		return err
	}
	g.ChartHome = cmp.Or(g.ChartHome, types.HelmDefaultHome)
	g.ValuesMerge = cmp.Or(g.ValuesMerge, "override")
	if g.Name == "" {
		return errors.New("chart name cannot be empty")
	}
	if legal := []string{"merge", "override", "replace"}; !slices.Contains(legal, g.ValuesMerge) {
		return fmt.Errorf("valuesMerge must be one of %v", legal)
	}
	return nil
}

// Generate renders the chart.
func (g *chartGenerator) Generate() (resmap.ResMap, error) {
	place, found, err := g.place()
	if err != nil || !found {
		return nil, err
	}
	values, err := g.values(place)
	if err != nil {
		return nil, err
	}
	release, err := g.release()
	if err != nil {
		return nil, err
	}
	output, err := helm(running.tree, &request{
		Path: place, Release: release, Namespace: g.Namespace, Values: values,
		KubeVersion: g.KubeVersion, APIVersions: g.ApiVersions,
		IncludeCRDs: g.IncludeCRDs, SkipTests: g.SkipTests, skipHooks: g.SkipHooks,
	})
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", g.Name, err)
	}
	return g.objects(output)
}

// home is where kustomize looks for the chart, and would put it.
func (g *chartGenerator) home() string {
	home := g.ChartHome
	if !filepath.IsAbs(home) {
		home = filepath.Join(g.helpers.Loader().Root(), home)
	}
	if g.Version != "" && g.Repo != "" {
		home = filepath.Join(home, g.Name+"-"+g.Version)
	}
	return home
}

// place returns the chart's path in the tree; false where it has to be fetched first.
func (g *chartGenerator) place() (string, bool, error) {
	files := treeFiles{running}
	wanted := filepath.Join(g.home(), g.Name)
	if files.IsDir(wanted) {
		within, err := files.inTree(wanted)
		return within, err == nil, err
	}
	if g.Repo == "" {
		return "", false, fmt.Errorf("no repo specified for pull, no chart found at '%s'", wanted)
	}
	if within, ok := running.asked.Elsewhere.Charts[chartKey(g.Repo, g.Name, g.Version, g.Devel)]; ok {
		return within, true, nil
	}
	running.want(map[string]string{
		"kind": "chart", "repo": g.Repo, "name": g.Name, "version": g.Version, "devel": strconv.FormatBool(g.Devel),
	})
	return "", false, nil
}

func chartKey(repo, name, version string, devel bool) string {
	return strings.Join([]string{repo, name, version, strconv.FormatBool(devel)}, "\n")
}

// values returns the texts that `helm template` would be given with -f, in their order.
func (g *chartGenerator) values(chart string) ([]string, error) {
	text, err := g.ownValues(chart)
	if err != nil {
		return nil, err
	}
	if len(g.ValuesInline) > 0 {
		if text, err = g.merged(text); err != nil {
			return nil, err
		}
	}
	texts := []string{string(text)}
	for _, file := range g.AdditionalValuesFiles {
		more, err := g.helpers.Loader().Load(file)
		if err != nil {
			return nil, fmt.Errorf("could not load additionalValuesFile: %w", err)
		}
		texts = append(texts, string(more))
	}
	return texts, nil
}

// ownValues reads valuesFile, by default the chart's own. One of a fetched chart lies where kustomize would have put it.
func (g *chartGenerator) ownValues(chart string) ([]byte, error) {
	home := filepath.Join(g.home(), g.Name)
	file := cmp.Or(g.ValuesFile, filepath.Join(home, "values.yaml"))
	wanted := file
	if !filepath.IsAbs(wanted) {
		wanted = filepath.Join(g.helpers.Loader().Root(), wanted)
	}
	if inside, ok := below(home, wanted); ok && !(treeFiles{running}).IsDir(home) {
		if data, found := running.tree.read(chart + "/" + inside); found {
			return data, nil
		}
	}
	return g.helpers.Loader().Load(file)
}

// merged lays valuesInline and the text over each other as valuesMerge says.
func (g *chartGenerator) merged(text []byte) ([]byte, error) {
	if g.ValuesMerge == "replace" {
		return sigsyaml.Marshal(g.ValuesInline)
	}
	file, err := yaml.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("could not parse values file into rnode: %w", err)
	}
	inline, err := yaml.FromMap(g.ValuesInline)
	if err != nil {
		return nil, fmt.Errorf("could not parse values inline into rnode: %w", err)
	}
	above, under := inline, file
	if g.ValuesMerge == "merge" {
		above, under = file, inline
	}
	both, err := merge2.Merge(above, under.Copy(), yaml.MergeOptions{})
	if err != nil {
		return nil, fmt.Errorf("could not merge values: %w", err)
	}
	values, err := both.Map()
	if err != nil {
		return nil, fmt.Errorf("could not parse merged values into map: %w", err)
	}
	return sigsyaml.Marshal(values)
}

// release is the name that `helm template` would give.
func (g *chartGenerator) release() (string, error) {
	switch {
	case g.NameTemplate == "":
		return cmp.Or(g.ReleaseName, "release-name"), nil
	case g.ReleaseName != "":
		return "", errors.New("cannot set --name-template and also specify a name")
	}
	parsed, err := template.New("name-template").Funcs(safeFunctions()).Parse(g.NameTemplate)
	if err != nil {
		return "", err
	}
	var name strings.Builder
	err = parsed.Execute(&name, nil)
	return name.String(), err
}

// safeFunctions are those of sprig without what reads the machine.
func safeFunctions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	return functions
}

// objects reads what Helm printed, and marks it: the namespace of its objects is Helm's, not kustomize's.
func (g *chartGenerator) objects(output []byte) (resmap.ResMap, error) {
	made, err := g.helpers.ResmapFactory().NewResMapFromBytes(output)
	if err != nil {
		nodes, readErr := (&kio.ByteReader{Reader: bytes.NewReader(output), OmitReaderAnnotations: true}).Read()
		if readErr != nil || len(nodes) == 0 {
			return nil, fmt.Errorf("the output of chart %s cannot be read: %w", g.Name, err)
		}
		if made, err = g.helpers.ResmapFactory().NewResMapFromRNodeSlice(nodes); err != nil {
			return nil, fmt.Errorf("the output of chart %s cannot be read: %w", g.Name, err)
		}
	}
	for _, object := range made.Resources() {
		if err := object.PipeE(yaml.SetAnnotation(konfig.HelmGeneratedAnnotation, "true")); err != nil {
			return nil, err
		}
	}
	return made, nil
}
