"""People: who they are here, and the languages they may judge."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from annotate.models.languages import Language


class PersonManager(UserManager["User"]):
    """Makes people; whoever `createsuperuser` makes is an admin here, too."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> "User":
        return super().create_superuser(username, email, password, role=User.Role.ADMIN, **fields)


class User(AbstractUser):
    """Somebody who signs in. Each role may do what the one before it may: annotator, researcher, admin."""

    class Role(models.TextChoices):
        ANNOTATOR = "annotator"
        RESEARCHER = "researcher"
        ADMIN = "admin"

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ANNOTATOR)
    languages = models.ManyToManyField(Language, through="Proficiency", related_name="speakers")
    news_by_email = models.BooleanField(default=False)
    webhook = models.CharField(max_length=500, blank=True, help_text="where news is posted as JSON")
    news_of_all = models.BooleanField(
        default=False, help_text="hears of every experiment, not only of those launched by this person"
    )

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="role_is_known", condition=models.Q(role__in=["annotator", "researcher", "admin"])
            )
        ]

    @property
    def is_researcher(self) -> bool:
        """May read every result; an admin may too."""
        return self.role in (self.Role.RESEARCHER, self.Role.ADMIN)

    @property
    def is_admin(self) -> bool:
        """May launch and stop work."""
        return self.role == self.Role.ADMIN


class Proficiency(models.Model):
    """How well somebody speaks a language; having one is what lets them judge in it."""

    class Level(models.TextChoices):
        NATIVE = "native"
        ADVANCED = "advanced"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="proficiencies")
    language = models.ForeignKey(Language, on_delete=models.PROTECT)
    level = models.CharField(max_length=8, choices=Level.choices)

    class Meta:
        verbose_name_plural = "proficiencies"
        constraints = [
            models.UniqueConstraint(name="one_proficiency_per_language", fields=["user", "language"]),
            models.CheckConstraint(
                name="level_is_known", condition=models.Q(level__in=["native", "advanced"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.level} {self.language}"
