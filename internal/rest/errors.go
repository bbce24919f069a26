package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"jeton/internal/gate"
	"jeton/internal/problem"
	"jeton/internal/right"
)

const documentation = "https://docs.github.com/rest"

var errNotFound = problem.New(problem.NotFound, "Not Found", "")

// statusError is an answer whose status is GitHub's and not its kind's.
type statusError struct {
	code    int
	problem *problem.Error
	cause   error // what it is made of, if the gate has a word in it
}

// Error returns the text for the log.
func (e *statusError) Error() string { return e.problem.Error() }

// Unwrap returns the problem, and the cause.
func (e *statusError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.problem}
	}
	return []error{e.problem, e.cause}
}

func status(code int, message string) error {
	return &statusError{code: code, problem: problem.New(problem.Invalid, message, "")}
}

// errorBody has GitHub's form: the status is a string.
type errorBody struct {
	Message          string       `json:"message"`
	Errors           []fieldError `json:"errors,omitempty"`
	DocumentationURL string       `json:"documentation_url"`
	Status           string       `json:"status"`
}

type fieldError struct {
	Resource string `json:"resource"`
	Field    string `json:"field"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
}

// render is the one place where an error becomes a body of the API.
func (d *Door) render(w http.ResponseWriter, r *http.Request, code int, err error) {
	if s, ok := errors.AsType[*statusError](err); ok {
		code = s.code
	}
	p := problem.Of(err)
	body := errorBody{Message: message(err, p), DocumentationURL: documentation}
	if p.Field != "" {
		body.Message = "Validation Failed"
		body.Errors = []fieldError{{Resource: resource(r.URL.Path), Field: p.Field, Code: "custom", Message: p.Public}}
	}
	if code == http.StatusTooManyRequests {
		code = http.StatusForbidden // GitHub's own choice; clients look at the headers
	}
	h := w.Header()
	if denied, ok := errors.AsType[*gate.Denied](err); ok {
		if len(denied.Scopes) > 0 {
			h.Set("X-Accepted-OAuth-Scopes", strings.Join(denied.Scopes, ", "))
		}
		if denied.Permission != "" {
			h.Set("X-Accepted-GitHub-Permissions", denied.Permission)
		}
		if denied.Reason == right.SignIn && !denied.Tell {
			code = http.StatusNotFound // a visitor learns nothing of what is hidden
		}
		if denied.Reason == right.GrantMissing && len(denied.Scopes) > 0 && missingOnGitHub(denied.Action) {
			code = http.StatusNotFound // gh takes it for a missing scope
		}
	}
	if code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="GitHub"`)
	}
	body.Status = strconv.Itoa(code)
	out, _ := json.Marshal(body) // strings only
	h.Del("ETag")
	h.Del("Last-Modified")
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(out)
}

// message is GitHub's sentence where clients match on one, with the remedy
// behind it.
func message(err error, p *problem.Error) string {
	if denied, ok := errors.AsType[*gate.Denied](err); ok {
		switch denied.Reason {
		case right.Hidden:
			return "Not Found"
		case right.SignIn:
			if !denied.Tell {
				return "Not Found"
			}
			return "Requires authentication"
		}
	}
	if _, ok := errors.AsType[*gate.Refusal](err); ok && p.Kind == problem.Unauthenticated {
		return "Bad credentials. " + join(p)
	}
	if p.Public == "" {
		return "Server Error. Tell your administrator the request id " + "in the header X-GitHub-Request-Id."
	}
	return join(p)
}

func join(p *problem.Error) string {
	if p.Remedy == "" {
		return p.Public
	}
	return p.Public + " " + strings.Join(strings.Fields(p.Remedy), " ") // it may have lines, for terminals
}

// missingOnGitHub reports whether GitHub says 404 to a token that lacks the scope
// for an action, where it says 403 about others.
func missingOnGitHub(a right.Action) bool {
	p := a.Info().Permission
	return p == right.SSHSigningKeys || p == right.GPGKeys || p == right.OrganizationHooks
}

func resource(path string) string {
	switch {
	case strings.HasSuffix(path, "/ssh_signing_keys"):
		return "SshSigningKey"
	case strings.HasSuffix(path, "/gpg_keys"):
		return "GpgKey"
	case strings.Contains(path, "/hooks"):
		return "Hook"
	case strings.Contains(path, "/deployments/"):
		return "DeploymentStatus"
	case strings.HasSuffix(path, "/deployments"):
		return "Deployment"
	case strings.Contains(path, "/statuses"):
		return "Status"
	case strings.Contains(path, "/assets"):
		return "ReleaseAsset"
	case strings.Contains(path, "/releases"):
		return "Release"
	}
	if strings.Contains(path, "/repos") {
		return "Repository"
	}
	return "User"
}
