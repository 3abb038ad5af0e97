"""Debian's Chromium, and pages that must not have complained by the end of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
Theme = Literal["dark", "light"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Visitor:
    """Somebody with a browser: opens pages, and remembers what those complained of."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ()

    async def open(
        self,
        address: str,
        *,
        width: int = 1440,
        height: int = 900,
        theme: Theme = "dark",
        **options: Any,
    ) -> Page:
        """Opens an address in a profile of its own."""
        viewport = {"width": width, "height": height}
        context = await self._browser.new_context(
            viewport=viewport,  # type: ignore[arg-type]
            color_scheme=theme,
            **options,
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))
        await page.goto(address)
        return page

    async def leave(self) -> None:
        """Closes everything; fails if a page complained of what was not expected."""
        for context in self._contexts:
            await context.close()
        heard = [one for one in self.complaints if not any(part in one for part in self.expected)]
        assert not heard, heard

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")
