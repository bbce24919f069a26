package push

import (
	"context"
	"fmt"
	"strings"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/wire"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// protection judges commands by the repository's rules for branches and tags.
// Each command is judged alone.
type protection struct {
	actor *right.Actor
	repo  gate.Repo
	rules *repo.Rules
}

func (p *pushing) protection(ctx context.Context) (protection, error) {
	rules, err := p.flow.o.Repos.Rules(ctx, p.flow.o.DB, &p.repo.Repo)
	return protection{actor: p.actor, repo: p.repo, rules: rules}, err
}

// verdict is what is wrong with one command. The zero verdict is nothing.
type verdict struct {
	rule    *repo.Rule // the rule that is broken
	reasons []string   // in GitHub's words
	blocked bool       // a forced push, which the repository refuses without any rule
}

func (v verdict) ok() bool { return len(v.reasons) == 0 && !v.blocked }

// first judges all that the command itself shows, before anything is read.
func (p *protection) first(u wire.Update) verdict {
	rule := p.rules.For(u.Name)
	if rule == nil {
		return verdict{}
	}
	v := verdict{rule: rule}
	if !rule.MayPush(p.actor.Account, p.repo.Relation) {
		v.reasons = append(v.reasons, gate.NotAuthorized(rule, u.Old.IsZero()))
	}
	if u.Deletes() && !rule.AllowDelete {
		v.reasons = append(v.reasons, fmt.Sprintf("Cannot delete this %s", rule.Kind))
	}
	// A tag is where it is: whichever way it moves, what it named is gone.
	if moves(u) && rule.Kind == repo.TagRef && !rule.AllowForce {
		v.reasons = append(v.reasons, "Cannot force-push to this tag")
	}
	return v
}

// moves reports whether a command leads a ref from one object to another.
func moves(u wire.Update) bool { return !u.Deletes() && !u.Old.IsZero() && u.Old != u.New }

// asksDescent reports whether it matters that the command is a forced push.
func (p *protection) asksDescent(u wire.Update) bool {
	branch, ok := strings.CutPrefix(u.Name, "refs/heads/")
	if !ok || !moves(u) {
		return false
	}
	rule := p.rules.For(u.Name)
	return rule != nil && !rule.AllowForce || p.blocks(branch)
}

// blocks reports whether the repository refuses forced pushes to a branch. The
// default branch is meant whatever the case, as in patterns.
func (p *protection) blocks(branch string) bool {
	switch p.repo.BlockForce {
	case repo.BlockNowhere:
		return false
	case repo.BlockDefault:
		return strings.EqualFold(branch, p.repo.DefaultBranch)
	}
	return true
}

// forced judges a command that takes commits away from its branch.
func (p *protection) forced(u wire.Update) verdict {
	if rule := p.rules.For(u.Name); rule != nil && !rule.AllowForce {
		return verdict{rule: rule, reasons: []string{"Cannot force-push to this branch"}}
	}
	return verdict{blocked: true}
}

// protect judges the commands that are still open by what they say.
func (p *pushing) protect(ctx context.Context) error {
	rules, err := p.protection(ctx)
	if err != nil {
		return err
	}
	return p.judge(ctx, func(i int, u wire.Update) { p.refuseBy(i, &rules, rules.first(u)) })
}

// judge hands over each command that is still open, for as long as that may take.
func (p *pushing) judge(ctx context.Context, each func(i int, u wire.Update)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.flow.o.RulesTime, errManyRules)
	defer cancel()
	for i, u := range p.cmds.Updates {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.results[i].Reason == "" {
			each(i, u)
		}
	}
	return nil
}

var errManyRules = problem.New(problem.TooLarge, "this push moves too many refs for the rules of this repository", "Push fewer branches and tags at a time, or make simpler rules.")

// protectHistory judges those commands whose objects had to be there first.
func (p *pushing) protectHistory(ctx context.Context, in *gitstore.Incoming) error {
	rules, err := p.protection(ctx)
	if err != nil {
		return err
	}
	var asked []int
	err = p.judge(ctx, func(i int, u wire.Update) {
		if rules.asksDescent(u) {
			asked = append(asked, i)
		}
	})
	if err != nil {
		return err
	}
	for _, i := range asked {
		u := p.cmds.Updates[i]
		// Old is the client's word; where it is not true, the ref does not move.
		descends, err := in.Descends(ctx, u.Old, u.New)
		if err != nil {
			return err
		}
		if !descends {
			p.refuseBy(i, &rules, rules.forced(u))
		}
	}
	return nil
}

// protectAgain judges anew when the rules, or the right by which they were
// judged, changed while the push ran.
func (p *pushing) protectAgain(ctx context.Context, before gate.Repo, in *gitstore.Incoming) error {
	now := p.repo
	if now.RulesAt == before.RulesAt && now.BlockForce == before.BlockForce && now.Relation == before.Relation && now.DefaultBranch == before.DefaultBranch {
		return nil
	}
	if err := p.protect(ctx); err != nil {
		return err
	}
	if err := p.protectHistory(ctx, in); err != nil {
		return err
	}
	p.allOrNone()
	return nil
}

// refuseBy gives a command the reason of a verdict, in GitHub's words, and tells
// the person what to do about it.
func (p *pushing) refuseBy(i int, rules *protection, v verdict) {
	if v.ok() {
		return
	}
	name := p.cmds.Updates[i].Name
	p.refusedBy(v)
	place := p.flow.o.Gate.RulesURL(&p.repo)
	if v.blocked {
		p.results[i].Reason = declined
		p.answer.say(fmt.Sprintf("error: GH003: Sorry, force-pushing to %s is not allowed.", printable.Line(strings.TrimPrefix(name, "refs/heads/"), 200)))
		p.answer.tell("Pull what is there and push on top of it, or push to another branch. An administrator of the repository can change this:")
		p.answer.say(place)
		return
	}
	p.results[i].Reason = fmt.Sprintf("protected %s hook declined", v.rule.Kind)
	p.answer.say(fmt.Sprintf("error: GH006: Protected %s update failed for %s.", v.rule.Kind, printable.Line(name, 200)))
	for _, reason := range v.reasons {
		p.answer.say("", "- "+reason)
	}
	p.answer.say("")
	p.answer.tell(p.flow.o.Gate.RuleRemedy(v.rule))
	p.answer.say(place)
}
