"""The pipeline values that a configuration may name, and what they are where no pipeline runs.

Source: CircleCI, "Pipeline values and parameters". A value that is only there for some triggers is None without one.
"""

from typing import Any, Final

_ALWAYS: Final[dict[str, Any]] = {
    "id": "00000000-0000-0000-0000-000000000001",
    "number": 1,
    "project.git_url": "",
    "project.type": "github",
    "project.slug": "",
    "git.branch": "main",
    "git.branch.is_default": True,
    "git.tag": "",
    "git.revision": "0" * 40,
    "git.base_revision": "0" * 40,
    "in_setup": False,
    "trigger_source": "api",
    "schedule.name": "",
    "schedule.id": "",
}
_SOMETIMES: Final = (
    "name", "definition.id", "integration_source", "git.repo_url", "git.repo_owner", "git.repo_name", "git.repo_id",
    "git.commit.url", "git.commit.subject", "git.commit.body", "git.commit.author_login",
    "config.repository.name", "config.repository.url", "config.file_path", "config.ref", "config.sha",
    "trigger.id", "trigger.type", "trigger.name", "trigger.received_at", "event.name", "event.action",
    "event.github.after", "event.github.ref", "event.github.head_commit.url", "event.github.label.name",
    "event.github.comment.body", "event.github.sender.login", "event.github.sender.type",
    "event.github.sender.avatar_url", "event.github.repository.name", "event.github.repository.url",
    "event.github.repository.owner.login", "event.github.pull_request.number", "event.github.pull_request.title",
    "event.github.pull_request.draft", "event.github.pull_request.merged", "event.github.pull_request.url",
    "event.github.pull_request.base.ref", "event.github.pull_request.base.sha", "event.github.pull_request.head.ref",
    "event.github.pull_request.head.sha", "event.context.github.pr_url", "event.context.github.sha",
    "deploy.component_name", "deploy.environment_name", "deploy.current_version", "deploy.target_version",
    "deploy.namespace", "deploy.reason",
    "trigger_parameters.webhook.body", "trigger_parameters.circleci.trigger_type",
    "trigger_parameters.circleci.trigger_id", "trigger_parameters.circleci.event_time",
    "trigger_parameters.circleci.event_type", "trigger_parameters.circleci.project_id",
    "trigger_parameters.circleci.actor_id", "trigger_parameters.circleci.schedule_name",
    "trigger_parameters.circleci.schedule_id", "trigger_parameters.circleci.config_source_type",
    *(f"trigger_parameters.github_app.{name}" for name in (
        "branch", "checkout_sha", "commit_message", "commit_sha", "commit_title", "commit_timestamp",
        "commit_author_name", "commit_author_email", "tag", "ref", "repo_id", "repo_name", "repo_url", "user_avatar",
        "user_id", "user_name", "user_username", "web_url", "total_commits_count", "default_branch",
    )),
    *(f"trigger_parameters.gitlab.{name}" for name in (
        "type", "project_id", "ref", "checkout_sha", "user_id", "user_name", "user_username", "user_avatar",
        "repo_name", "repo_url", "web_url", "commit_sha", "commit_title", "commit_message", "commit_timestamp",
        "commit_author_name", "commit_author_email", "total_commits_count", "branch", "default_branch",
        "x_gitlab_event_id", "is_fork_merge_request", "id",
    )),
)  # fmt: skip


def defaults() -> dict[str, Any]:
    """All pipeline values by their full names, as for a push to main that nobody made."""
    found = {f"pipeline.{name}": None for name in _SOMETIMES}
    return found | {f"pipeline.{name}": value for name, value in _ALWAYS.items()}
