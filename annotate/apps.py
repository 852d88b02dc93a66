"""The site as a Django application."""

from django.apps import AppConfig


class AnnotateConfig(AppConfig):
    """People, rows, pages and the API."""

    name = "annotate"
    verbose_name = "Polyreward"

    def ready(self) -> None:
        from annotate.services import sign_ins  # rows can be imported now, and not before

        sign_ins.watch()
