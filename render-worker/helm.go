package main

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"helm.sh/helm/v4/pkg/strvals"
)

const notesFile = "NOTES.txt"

// schemaReference finds the schema that a chart's own refers to and that would have to be read from elsewhere.
var schemaReference = regexp.MustCompile(`failing loading "([^"]+)"`)

// dependency is one that Chart.yaml names and charts/ lacks.
type dependency struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Repository string `json:"repository"`
}

// missingDependencies is the error for them.
type missingDependencies struct{ missing []dependency }

func (m *missingDependencies) Error() string {
	names := make([]string, 0, len(m.missing))
	for _, one := range m.missing {
		names = append(names, one.Name)
	}
	return "an error occurred while checking for chart dependencies. " +
		"You may need to run 'helm dependency build' to fetch missing dependencies: " +
		"found in Chart.yaml, but missing in charts/ directory: " + strings.Join(names, ", ")
}

// helm returns what `helm template` prints for a chart. It does the steps of Helm's install action that such a run
// takes, without the cluster and the registry that the action brings along.
func helm(files *tree, wanted *request) ([]byte, error) {
	capabilities, err := capabilitiesOf(wanted)
	if err != nil {
		return nil, err
	}
	values, err := mergedValues(wanted)
	if err != nil {
		return nil, err
	}
	loaded, err := loadChart(files, wanted.Path)
	if err != nil {
		return nil, err
	}
	if err := installable(loaded); err != nil {
		return nil, err
	}
	if err := chartutil.ValidateReleaseName(wanted.Release); err != nil {
		return nil, fmt.Errorf("release name check failed: release name %q: %w", wanted.Release, err)
	}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return nil, fmt.Errorf("chart dependencies processing failed: %w", err)
	}
	namespace := cmp.Or(wanted.Namespace, "default")
	options := common.ReleaseOptions{Name: wanted.Release, Namespace: namespace, Revision: 1, IsInstall: true}
	unchecked := wanted.SkipSchemaValidation
	all, err := util.ToRenderValuesWithSchemaValidation(loaded, values, options, capabilities, unchecked)
	if err != nil {
		return nil, schemaExplained(err)
	}
	needs := loaded.Metadata.KubeVersion
	if needs != "" && !chartutil.IsCompatibleRange(needs, capabilities.KubeVersion.String()) {
		return nil, fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s",
			needs, capabilities.KubeVersion.Version)
	}
	texts, err := engine.Render(loaded, all)
	if err != nil {
		return nil, err
	}
	return printed(loaded, texts, wanted)
}

func capabilitiesOf(wanted *request) (*common.Capabilities, error) {
	capabilities := common.DefaultCapabilities.Copy()
	if wanted.KubeVersion != "" {
		parsed, err := common.ParseKubeVersion(wanted.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("invalid kube version '%s': %w", wanted.KubeVersion, err)
		}
		capabilities.KubeVersion = *parsed
	}
	capabilities.APIVersions = slices.Concat(capabilities.APIVersions, common.VersionSet(wanted.APIVersions))
	return capabilities, nil
}

// mergedValues lays the values over each other in the order of Helm's flags: files, --set, --set-string, --set-file.
func mergedValues(wanted *request) (map[string]any, error) {
	values := map[string]any{}
	for index, text := range wanted.Values {
		more, err := loader.LoadValues(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("failed to parse values %d: %w", index+1, err)
		}
		values = loader.MergeMaps(values, more)
	}
	for index, set := range wanted.Set {
		if err := strvals.ParseInto(set, values); err != nil {
			return nil, fmt.Errorf("failed parsing --set data %d: %w", index+1, err)
		}
	}
	for index, set := range wanted.SetString {
		if err := strvals.ParseIntoString(set, values); err != nil {
			return nil, fmt.Errorf("failed parsing --set-string data %d: %w", index+1, err)
		}
	}
	for index, set := range wanted.SetFile {
		text := func([]rune) (any, error) { return set[1], nil }
		if err := strvals.ParseIntoFile(set[0]+"=file", values, text); err != nil {
			return nil, fmt.Errorf("failed parsing --set-file data %d: %w", index+1, err)
		}
	}
	return values, nil
}

// installable refuses what `helm template` refuses before it renders.
func installable(loaded *chart.Chart) error {
	if kind := loaded.Metadata.Type; kind != "" && kind != "application" {
		return fmt.Errorf("%s charts are not installable", kind)
	}
	var missing []dependency
	for _, needed := range loaded.Metadata.Dependencies {
		if !slices.ContainsFunc(loaded.Dependencies(), func(c *chart.Chart) bool { return c.Name() == needed.Name }) {
			missing = append(missing, dependency{needed.Name, needed.Version, needed.Repository})
		}
	}
	if missing != nil {
		return &missingDependencies{missing}
	}
	return nil
}

// schemaExplained names the schema which the worker did not read, in the place of the system's refusal.
func schemaExplained(err error) error {
	if found := schemaReference.FindStringSubmatch(err.Error()); found != nil {
		return fmt.Errorf("values.schema.json refers to %s, which the render worker does not read: "+
			"put its definitions into values.schema.json", found[1])
	}
	return err
}

// printed puts the rendered files in Helm's order: CRDs, objects by kind, hooks.
func printed(loaded *chart.Chart, texts map[string]string, wanted *request) ([]byte, error) {
	for name := range texts {
		if strings.HasSuffix(name, notesFile) {
			delete(texts, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(texts, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	var objects bytes.Buffer
	if wanted.IncludeCRDs {
		for _, crd := range loaded.CRDObjects() {
			fmt.Fprintf(&objects, "---\n# Source: %s\n%s\n", crd.Filename, crd.File.Data)
		}
	}
	for _, manifest := range manifests {
		fmt.Fprintf(&objects, "---\n# Source: %s\n%s\n", manifest.Name, manifest.Content)
	}
	output := append(bytes.TrimSpace(objects.Bytes()), '\n')
	if wanted.skipHooks {
		hooks = nil
	}
	for _, hook := range hooks {
		if !wanted.SkipTests || !slices.Contains(hook.Events, release.HookTest) {
			output = fmt.Appendf(output, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
		}
	}
	return output, nil
}
