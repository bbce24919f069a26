package githubtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// resolve makes JSON Schema of a schema of OpenAPI 3.0, together with the
// components that it refers to.
func (d *Description) resolve(raw json.RawMessage) (*jsonschema.Resolved, error) {
	var top any
	if err := json.Unmarshal(raw, &top); err != nil {
		return nil, err
	}
	defs := map[string]any{}
	if err := d.translate(&top, defs); err != nil {
		return nil, err
	}
	whole, err := json.Marshal(map[string]any{"allOf": []any{top}, "$defs": defs})
	if err != nil {
		return nil, err
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(whole, &s); err != nil {
		return nil, fmt.Errorf("read a schema of GitHub's: %w", err)
	}
	return s.Resolve(nil)
}

// translate rewrites v in place and gathers in defs what it refers to.
func (d *Description) translate(v *any, defs map[string]any) error {
	switch x := (*v).(type) {
	case []any:
		for i := range x {
			if err := d.translate(&x[i], defs); err != nil {
				return err
			}
		}
	case map[string]any:
		if ref, ok := x["$ref"].(string); ok {
			name := ref[strings.LastIndex(ref, "/")+1:]
			x["$ref"] = "#/$defs/" + name
			return d.define(name, defs)
		}
		for _, only := range []string{"example", "examples", "discriminator", "format", "default", "externalDocs"} {
			if _, isSchema := x["properties"]; isSchema || x["type"] != nil || x["$ref"] != nil || x["nullable"] != nil || x["oneOf"] != nil || x["anyOf"] != nil {
				delete(x, only)
			}
		}
		for key, one := range x {
			if key == "enum" || key == "required" {
				continue
			}
			if err := d.translate(&one, defs); err != nil {
				return err
			}
			x[key] = one
		}
		// Several of GitHub's alternatives include one another.
		if one, ok := x["oneOf"]; ok {
			delete(x, "oneOf")
			x["anyOf"] = one
		}
		if x["nullable"] == true {
			delete(x, "nullable")
			*v = map[string]any{"anyOf": []any{map[string]any{"type": "null"}, x}}
		}
	}
	return nil
}

// define puts a component into defs, with our deviations from it.
func (d *Description) define(name string, defs map[string]any) error {
	if _, done := defs[name]; done {
		return nil
	}
	var s any
	if err := json.Unmarshal(d.parts["schemas"][name], &s); err != nil {
		return fmt.Errorf("the schema %q of GitHub's: %w", name, err)
	}
	defs[name] = nil // it may refer to itself
	deviate(name, s)
	if err := d.translate(&s, defs); err != nil {
		return err
	}
	defs[name] = s
	return nil
}
