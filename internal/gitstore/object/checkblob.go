package object

import (
	"bytes"
	"strings"
)

// MaxSpecialBytes is the largest special file that is taken: none is read past
// it, here or by git.
const MaxSpecialBytes = 32 << 20

// maxAttributesLine is the longest line of a .gitattributes file, in bytes.
const maxAttributesLine = 2048

// CheckSpecial holds the content of a blob against git's strict rules for the
// special files that trees call it. Its error is a *Violation.
func CheckSpecial(s Special, data []byte) error {
	if s&Gitmodules != 0 {
		if len(data) > MaxSpecialBytes {
			return violation("gitmodulesLarge", ".gitmodules too large to parse")
		}
		if err := checkGitmodules(data); err != nil {
			return err
		}
	}
	if s&Gitattributes != 0 {
		if len(data) > MaxSpecialBytes {
			return violation("gitattributesLarge", ".gitattributes too large to parse")
		}
		return checkGitattributes(data)
	}
	return nil
}

func checkGitattributes(data []byte) error {
	data, _, _ = bytes.Cut(data, []byte{0}) // git reads no further
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte{'\n'})
		if len(line) >= maxAttributesLine {
			return violation("gitattributesLineLength", ".gitattributes has too long lines to parse")
		}
	}
	return nil
}

// checkGitmodules refuses what clients with older versions of git would run or
// open. What git can't parse it does not use: that is no violation, and what
// stands before it counts.
func checkGitmodules(data []byte) error {
	var bad error
	eachSetting(data, func(s setting) bool {
		bad = checkModule(s)
		return bad == nil
	})
	return bad
}

func checkModule(s setting) error {
	rest, ok := strings.CutPrefix(s.name, "submodule.")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 {
		return nil
	}
	module, key := rest[:dot], rest[dot+1:]
	if !validModule(module) {
		return violation("gitmodulesName", "disallowed submodule name: "+module)
	}
	switch {
	case !s.has:
	case key == "url" && !validModuleURL(s.value):
		return violation("gitmodulesUrl", "disallowed submodule url: "+s.value)
	case key == "path" && strings.HasPrefix(s.value, "-"):
		return violation("gitmodulesPath", "disallowed submodule path: "+s.value)
	case key == "update" && strings.HasPrefix(s.value, "!"):
		return violation("gitmodulesUpdate", "disallowed submodule update setting: "+s.value)
	}
	return nil
}

// validModule refuses names that lead out of the folder for submodules.
func validModule(name string) bool {
	if name == "" {
		return false
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(name, `\`, "/"), "/") {
		if part == ".." {
			return false
		}
	}
	return true
}

// validModuleURL refuses what git would take for an option, and what made git
// ask for the credentials of another host than the one it connects to.
func validModuleURL(url string) bool {
	if strings.HasPrefix(url, "-") {
		return false
	}
	if dotSlash(url) || strings.HasPrefix(url, ".") && dotSlash(url[1:]) || strings.HasPrefix(url, "git://") {
		if strings.Contains(decodeURL(url), "\n") {
			return false
		}
		ups, rest := leadingUps(url)
		return ups == 0 || rest == "" || rest[0] != ':' && rest[0] != '/'
	}
	for _, scheme := range []string{"http", "https", "ftp", "ftps"} {
		if rest, ok := strings.CutPrefix(url, scheme+"::"); ok {
			return validCredentialURL(rest)
		}
		if strings.HasPrefix(url, scheme+"://") {
			return validCredentialURL(url)
		}
	}
	return true
}

func dotSlash(s string) bool {
	return len(s) > 1 && s[0] == '.' && (s[1] == '/' || s[1] == '\\')
}

// leadingUps counts the "../" that a relative address begins with.
func leadingUps(url string) (n int, rest string) {
	for {
		switch {
		case strings.HasPrefix(url, ".") && dotSlash(url[1:]):
			n++
			url = url[3:]
		case dotSlash(url):
			url = url[2:]
		default:
			return n, url
		}
	}
}

// validCredentialURL asks for a host, and for parts without line breaks, as
// git's code for credentials cuts them.
func validCredentialURL(url string) bool {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || scheme == "" || strings.Contains(scheme, "\n") {
		return false
	}
	slash := strings.IndexAny(rest, "/?#")
	if slash < 0 {
		slash = len(rest)
	}
	at, colon := strings.IndexByte(rest, '@'), strings.IndexByte(rest, ':')
	host := rest[:slash]
	parts := []string{strings.TrimLeft(rest[slash:], "/")}
	if at >= 0 && at < slash {
		host = rest[at+1 : slash]
		if colon < 0 || at <= colon {
			parts = append(parts, rest[:at])
		} else {
			parts = append(parts, rest[:colon], rest[colon+1:at])
		}
	}
	for _, p := range append(parts, host) {
		if strings.Contains(decodeURL(p), "\n") {
			return false
		}
	}
	return decodeURL(host) != ""
}

// decodeURL decodes %XX after the first colon, if there is one that is not the
// first character, as git does.
func decodeURL(s string) string {
	var b strings.Builder
	if colon := strings.IndexByte(s, ':'); colon > 0 {
		b.WriteString(s[:colon])
		s = s[colon:]
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
			if c := high<<4 | low; high >= 0 && low >= 0 && c > 0 {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hexDigit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case lower(c) >= 'a' && lower(c) <= 'f':
		return int(lower(c)-'a') + 10
	}
	return -1
}
