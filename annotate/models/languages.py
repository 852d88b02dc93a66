"""Languages, by BCP 47 tag."""

from django.db import models


class Language(models.Model):
    """A language and how it is written."""

    class Direction(models.TextChoices):
        LTR = "ltr", "left to right"
        RTL = "rtl", "right to left"

    tag = models.CharField(max_length=35, primary_key=True, help_text="BCP 47, such as es or zh-Hant")
    autonym = models.CharField(max_length=80)
    english_name = models.CharField(max_length=80)
    script = models.CharField(max_length=4, help_text="ISO 15924, such as Latn")
    direction = models.CharField(max_length=3, choices=Direction.choices)

    class Meta:
        ordering = ["tag"]
        constraints = [
            models.CheckConstraint(
                name="direction_is_known", condition=models.Q(direction__in=["ltr", "rtl"])
            )
        ]

    def __str__(self) -> str:
        return self.autonym
