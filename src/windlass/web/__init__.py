"""What all pages share: layout, design tokens, components, live updates. Knows no program."""
