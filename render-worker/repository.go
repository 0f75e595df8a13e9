package main

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

// repository is what kustomize takes a URL of Git for: what to clone, the folder in it, and what to check out.
type repository struct{ repo, path, ref string }

var (
	schemes  = []string{"ssh://", "https://", "http://", "file://"}
	userName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)
)

// parseRepository reads a URL as kustomize 5.8 does; false for what it takes for a path. Its rules, in their order:
//
//   - a leading `git::` means nothing, and github.com needs no scheme;
//   - without a scheme there must be a user (`git@host:org/repo`), or it is github.com;
//   - the repository ends behind `_git/NAME`, else before `//`, else behind `.git`, else after two steps of the path;
//     for file:// it is all of it;
//   - `ref`, or `version`, is what to check out.
func parseRepository(address string) (repository, bool) {
	if path.IsAbs(address) || strings.Contains(address, "\n") {
		return repository{}, false
	}
	rest, query, _ := strings.Cut(address, "?")
	found := repository{ref: refOf(query)}
	host, rest, ok := splitHost(rest)
	if !ok {
		return repository{}, false
	}
	if found.repo, found.path, ok = splitPath(rest, host == "file://"); !ok || leavesRepository(found.path) {
		return repository{}, false
	}
	found.repo, found.path = host+found.repo, strings.TrimPrefix(found.path, "/")
	return found, true
}

func refOf(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	if ref := values.Get("ref"); ref != "" {
		return ref
	}
	return values.Get("version")
}

// splitHost returns all up to the path: scheme, user and host, with what ends it.
func splitHost(rest string) (host, tail string, ok bool) {
	if _, without, forced := cutFold(rest, "git::"); forced {
		rest = without
	}
	scheme := ""
	for _, one := range schemes {
		if _, without, found := cutFold(rest, one); found {
			scheme, rest = one, without
			break
		}
	}
	if scheme == "file://" {
		return scheme, rest, true
	}
	user := userName.FindString(rest)
	rest = rest[len(user):]
	lower := strings.ToLower(rest)
	onGitHub := strings.HasPrefix(lower, "github.com/") || strings.HasPrefix(lower, "github.com:")
	if scheme == "" && user == "" && !onGitHub {
		return "", "", false
	}
	end := strings.Index(rest, "/")
	if colon := strings.Index(rest, ":"); scheme == "" && (end == -1 || (colon > 0 && colon < end)) {
		end = colon
	}
	host = rest
	if end >= 0 {
		host, tail = rest[:end+1], rest[end+1:]
	}
	switch {
	case onGitHub && (scheme == "ssh://" || user != ""):
		return user + "github.com:", tail, true
	case onGitHub:
		return "https://github.com/", tail, true
	}
	return scheme + user + host, tail, host != "" && end >= 0
}

func cutFold(text, prefix string) (before, after string, found bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return "", text, false
	}
	return prefix, text[len(prefix):], true
}

func splitPath(rest string, whole bool) (repo, folder string, ok bool) {
	const azure, suffix = "_git/", ".git"
	if at := strings.Index(rest, azure); at >= 0 {
		name, folder, _ := strings.Cut(rest[at+len(azure):], "/")
		return rest[:at+len(azure)] + name, folder, true
	}
	if before, after, found := strings.Cut(rest, "//"); found {
		return before, after, before != ""
	}
	if before, after, found := strings.Cut(rest, suffix); found {
		return before + suffix, after, true
	}
	if whole {
		return rest, "", rest != ""
	}
	steps := strings.SplitN(rest, "/", 3)
	if len(steps) < 2 {
		return "", "", false
	}
	return steps[0] + "/" + steps[1], strings.Join(steps[2:], ""), true
}

func leavesRepository(folder string) bool {
	clean := path.Clean(strings.TrimPrefix(folder, "/"))
	return clean == ".." || strings.HasPrefix(clean, "../")
}
