package application

import "jeton/internal/problem"

// Fault is why an application does not get what it asks for: GitHub's code,
// which programs read, and a sentence for people. It is a problem of kind
// Invalid.
type Fault struct {
	Code     string
	Interval int // seconds between two questions, for slow_down
	problem  *problem.Error
}

// Error returns the text for the log.
func (f *Fault) Error() string { return f.Code + ": " + f.problem.Public }

// Unwrap returns the problem.
func (f *Fault) Unwrap() error { return f.problem }

// Description is the sentence for people.
func (f *Fault) Description() string { return f.problem.Public }

func fault(code, description string) *Fault {
	return &Fault{Code: code, problem: problem.New(problem.Invalid, description, "")}
}

// The faults, by GitHub's codes and those of the RFCs that clients know.
func badCode() *Fault {
	return fault("bad_verification_code", "The code passed is incorrect or expired.")
}
func badRefresh() *Fault {
	return fault("bad_refresh_token", "The refresh token passed is incorrect or expired.")
}
func badDevice() *Fault {
	return fault("incorrect_device_code", "The device_code provided is not valid.")
}

// BadClient is the fault for a client id or secret that is not good.
func BadClient() *Fault {
	return fault("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
}

// BadGrant is the fault for a kind of grant that is not known.
func BadGrant() *Fault {
	return fault("unsupported_grant_type", "The grant_type must be authorization_code, refresh_token, urn:ietf:params:oauth:grant-type:device_code or urn:ietf:params:oauth:grant-type:token-exchange.")
}

// NoDevices is the fault for an application that may not sign in devices.
func NoDevices() *Fault {
	return fault("device_flow_disabled", "Device Flow must be explicitly enabled for this App.")
}

// BadRequest is the fault for a request that lacks something.
func BadRequest(description string) *Fault { return fault("invalid_request", description) }

// outOfPolicy tells an application what the site's policy is against.
func outOfPolicy(err error) error {
	if !problem.Is(err, problem.Forbidden) {
		return err
	}
	p := problem.Of(err)
	return fault("access_denied", p.Public+" "+p.Remedy)
}
