"""Django admin, for rare repairs: people can be changed, evidence can only be read."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db import models
from django.http import HttpRequest

from annotate import models as rows


class ProficiencyInline(admin.TabularInline[rows.Proficiency, rows.User]):
    """Languages beside their speaker."""

    model = rows.Proficiency
    extra = 1


@admin.register(rows.User)
class PersonAdmin(UserAdmin[rows.User]):
    """Roles and languages of people."""

    list_display = ["username", "role", "is_active", "last_login"]
    list_filter = ["role", "languages"]
    inlines = [ProficiencyInline]
    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        ("Polyreward", {"fields": ("role", "news_by_email", "news_of_all", "webhook")}),
    )
    add_fieldsets = (*UserAdmin.add_fieldsets, ("Polyreward", {"fields": ("role",)}))


@admin.register(rows.Language)
class LanguageAdmin(admin.ModelAdmin[rows.Language]):
    """Names, scripts and directions."""

    list_display = ["tag", "autonym", "english_name", "script", "direction"]


@admin.register(rows.Study)
class StudyAdmin(admin.ModelAdmin[rows.Study]):
    """Opening and closing studies, and their guidelines."""

    list_display = ["name", "purpose", "task", "status", "votes_wanted"]
    list_filter = ["purpose", "status"]
    readonly_fields = ["experiment", "seed", "task", "purpose", "votes_wanted"]


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
