package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/Masterminds/semver/v3"
)

// matchingVersions returns, as a JSON array, those of the versions that a constraint allows, the newest first, each as
// it was written. What is no version is left out; of equal ones (build metadata, a leading `v`) the order stays.
func matchingVersions(wanted *request) ([]byte, error) {
	constraint, err := semver.NewConstraint(wanted.Constraint)
	if err != nil {
		return nil, fmt.Errorf("the version constraint %q is not valid: %w", wanted.Constraint, err)
	}
	found := []*semver.Version{}
	for _, written := range wanted.Versions {
		if version, err := semver.NewVersion(written); err == nil && constraint.Check(version) {
			found = append(found, version)
		}
	}
	slices.SortStableFunc(found, func(a, b *semver.Version) int { return b.Compare(a) })
	matching := make([]string, len(found))
	for at, version := range found {
		matching[at] = version.Original()
	}
	return json.Marshal(matching)
}
