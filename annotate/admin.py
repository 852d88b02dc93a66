"""Django admin, for rare repairs: people can be changed, evidence can only be read."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpRequest
from rest_framework.authtoken.admin import TokenAdmin
from rest_framework.authtoken.models import TokenProxy

from annotate import models as rows
from annotate.services import audit


class Audited(admin.ModelAdmin[Any]):
    """Whatever is changed by hand here is in the audit trail, too; in the same transaction."""

    def audit_subject(self, row: models.Model) -> models.Model:
        """The row that the trail names."""
        return row

    def audit_facts(self, row: models.Model) -> dict[str, Any]:
        """What is worth knowing about the row after the change."""
        return {}

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, "added", obj, **self.audit_facts(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, "changed", obj, changes=message, **self.audit_facts(obj))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            self._record(request, "deleted", row)
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, verb: str, row: models.Model, **detail: Any) -> None:
        kind = str(row._meta.model_name).removesuffix("proxy")
        audit.record(cast(rows.User, request.user), f"{kind}.{verb}", self.audit_subject(row), **detail)


class ProficiencyInline(admin.TabularInline[rows.Proficiency, rows.User]):
    """Languages beside their speaker."""

    model = rows.Proficiency
    extra = 1


@admin.register(rows.User)
class PersonAdmin(Audited, UserAdmin[rows.User]):
    """Roles and languages of people."""

    list_display = ["username", "role", "is_active", "last_login"]
    list_filter = ["role", "languages"]
    inlines = [ProficiencyInline]
    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        ("Polyreward", {"fields": ("role", "news_by_email", "news_of_all", "webhook")}),
    )
    add_fieldsets = (*UserAdmin.add_fieldsets, ("Polyreward", {"fields": ("role",)}))

    def audit_facts(self, row: models.Model) -> dict[str, Any]:
        person = cast(rows.User, row)
        return {"role": person.role, "active": person.is_active, "superuser": person.is_superuser}


@admin.register(rows.Language)
class LanguageAdmin(Audited, admin.ModelAdmin[rows.Language]):
    """Names, scripts and directions."""

    list_display = ["tag", "autonym", "english_name", "script", "direction"]


@admin.register(rows.Study)
class StudyAdmin(Audited, admin.ModelAdmin[rows.Study]):
    """Opening and closing studies, and their guidelines."""

    list_display = ["name", "purpose", "task", "status", "votes_wanted"]
    list_filter = ["purpose", "status"]
    readonly_fields = ["experiment", "seed", "task", "purpose", "votes_wanted"]

    def audit_facts(self, row: models.Model) -> dict[str, Any]:
        return {"status": cast(rows.Study, row).status}


class AuditedGroupAdmin(Audited, GroupAdmin):
    """Django's."""


class AuditedTokenAdmin(Audited, TokenAdmin):
    """That of the REST framework; the trail names the token's owner, for its name is the secret itself."""

    def audit_subject(self, row: models.Model) -> models.Model:
        owner: rows.User = cast(TokenProxy, row).user
        return owner


for model, theirs in ((Group, AuditedGroupAdmin), (TokenProxy, AuditedTokenAdmin)):
    admin.site.unregister(model)
    admin.site.register(model, theirs)


class ReadOnlyAdmin(admin.ModelAdmin[models.Model]):
    """Rows that are looked at, never changed by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


for evidence in (
    rows.Artifact,
    rows.Assignment,
    rows.Attempt,
    rows.AuditEntry,
    rows.Comparison,
    rows.Delivery,
    rows.Experiment,
    rows.Judge,
    rows.Judgment,
    rows.Notification,
    rows.Prompt,
    rows.PromptSet,
    rows.Rating,
    rows.Response,
    rows.Run,
    rows.System,
    rows.Worker,
):
    admin.site.register(evidence, ReadOnlyAdmin)
